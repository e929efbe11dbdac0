// gRPC C++ as a server that is made to be fast is written: asynchronous, one completion queue, one thread, calls that
// wait before they are needed, in memory that is used again.
//
// usage: grpc_echo PORT
//
// Listens on 127.0.0.1:PORT (0 lets the kernel choose) and prints the port.
#include <absl/synchronization/mutex.h>
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "echo.grpc.pb.h"

namespace {

// One call after the other in the same place.
class Call {
public:
    Call(bench::Echo::AsyncService *service, grpc::ServerCompletionQueue *queue) : service_(service), queue_(queue) {
        expect();
    }

    // After the queue has returned this call.
    void proceed(bool ok) {
        if (!ok) {
            // The queue ends.
            delete this;
            return;
        }
        if (answered_) {
            expect();
            return;
        }
        answered_ = true;
        response_.set_status(1);
        responder_->Finish(response_, grpc::Status::OK, this);
    }

private:
    void expect() {
        // A context serves one call.
        responder_.reset();
        context_.emplace();
        responder_.emplace(&*context_);
        answered_ = false;
        service_->RequestCall(&*context_, &request_, &*responder_, queue_, queue_, this);
    }

    bench::Echo::AsyncService *service_;
    grpc::ServerCompletionQueue *queue_;
    std::optional<grpc::ServerContext> context_;
    std::optional<grpc::ServerAsyncResponseWriter<bench::EchoResponse>> responder_;
    bench::EchoRequest request_;
    bench::EchoResponse response_;
    bool answered_ = false;
};

}  // namespace

int main(int argc, char **argv) {
    if (argc != 2 || argv[1][0] == '-') {
        std::fprintf(stderr, "usage: grpc_echo PORT\n");
        return 64;
    }
    // Debian builds Abseil with its search for deadlocks, which takes a third of gRPC's time.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    bench::Echo::AsyncService service;
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(std::string("127.0.0.1:") + argv[1], grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service);
    auto queue = builder.AddCompletionQueue();
    auto server = builder.BuildAndStart();
    if (!server || port == 0) {
        std::fprintf(stderr, "grpc_echo: cannot listen on 127.0.0.1:%s\n", argv[1]);
        return 1;
    }
    std::printf("%d\n", port);
    std::fflush(stdout);
    for (int i = 0; i < 256; i++) new Call(&service, queue.get());
    void *tag;
    bool ok;
    while (queue->Next(&tag, &ok)) static_cast<Call *>(tag)->proceed(ok);
}
