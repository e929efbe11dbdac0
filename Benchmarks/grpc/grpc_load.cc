// The closed loop of herd-load for gRPC: so many channels, each a connection of its own, with so many calls in flight.
//
// usage: grpc_load PORT CHANNELS IN_FLIGHT SECONDS WARM_UP SERVER_PID
//
// Prints one JSON object with the keys of herd-load's report that the benchmark reads.
#include <absl/synchronization/mutex.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include "echo.grpc.pb.h"

namespace {

using Clock = std::chrono::steady_clock;

// Seconds of processor time of all threads of a process, by proc(5).
double processor_seconds(int pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    auto end = text.rfind(')');
    if (end == std::string::npos) return 0;
    unsigned long user = 0, system = 0;
    // After the name come state and ten fields more.
    std::sscanf(text.c_str() + end + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &user, &system);
    return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

struct Call {
    bench::Echo::Stub *stub;
    std::unique_ptr<grpc::ClientContext> context;
    std::unique_ptr<grpc::ClientAsyncResponseReader<bench::EchoResponse>> reader;
    bench::EchoResponse response;
    grpc::Status status;
    Clock::time_point start;

    void begin(const bench::EchoRequest &request, grpc::CompletionQueue *queue) {
        reader.reset();
        context = std::make_unique<grpc::ClientContext>();
        start = Clock::now();
        reader = stub->AsyncCall(context.get(), request, queue);
        reader->Finish(&response, &status, this);
    }
};

double percentile(const std::vector<double> &sorted, double share) {
    if (sorted.empty()) return 0;
    return sorted[std::min(sorted.size() - 1, static_cast<size_t>(share * static_cast<double>(sorted.size())))];
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 7) {
        std::fprintf(stderr, "usage: grpc_load PORT CHANNELS IN_FLIGHT SECONDS WARM_UP SERVER_PID\n");
        return 64;
    }
    const int channels = std::atoi(argv[2]), in_flight = std::atoi(argv[3]), pid = std::atoi(argv[6]);
    const std::chrono::duration<double> length(std::atof(argv[4])), warm_up(std::atof(argv[5]));

    // Debian builds Abseil with its search for deadlocks, which takes a third of gRPC's time.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    grpc::CompletionQueue queue;
    bench::EchoRequest request;
    std::vector<std::unique_ptr<bench::Echo::Stub>> stubs;
    std::vector<std::unique_ptr<Call>> calls;
    for (int i = 0; i < channels; i++) {
        grpc::ChannelArguments arguments;
        // Else equal channels share one connection.
        arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
        auto channel = grpc::CreateCustomChannel(
            std::string("127.0.0.1:") + argv[1], grpc::InsecureChannelCredentials(), arguments);
        if (!channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(5))) {
            std::fprintf(stderr, "grpc_load: nobody listens on port %s\n", argv[1]);
            return 69;
        }
        stubs.push_back(bench::Echo::NewStub(channel));
        for (int j = 0; j < in_flight; j++) {
            calls.push_back(std::make_unique<Call>());
            calls.back()->stub = stubs.back().get();
        }
    }
    for (auto &call : calls) call->begin(request, &queue);

    std::vector<double> latencies;
    latencies.reserve(1 << 22);
    auto count_from = Clock::now() + std::chrono::duration_cast<Clock::duration>(warm_up);
    auto end = count_from + std::chrono::duration_cast<Clock::duration>(length), last = count_from;
    double cpu_before = -1;
    long failed = 0;
    size_t open = calls.size();
    void *tag;
    bool ok;
    while (open > 0 && queue.Next(&tag, &ok)) {
        auto call = static_cast<Call *>(tag);
        auto now = Clock::now();
        if (cpu_before < 0 && now >= count_from) cpu_before = processor_seconds(pid);
        if (call->start >= count_from) {
            if (ok && call->status.ok()) {
                latencies.push_back(std::chrono::duration<double, std::milli>(now - call->start).count());
                last = now;
            } else {
                failed++;
            }
        }
        if (now < end) {
            call->begin(request, &queue);
        } else {
            open--;
        }
    }
    const double cpu = processor_seconds(pid) - cpu_before;
    const double seconds = std::chrono::duration<double>(last - count_from).count();
    const double count = static_cast<double>(latencies.size());
    std::sort(latencies.begin(), latencies.end());
    std::printf(
        "{\"requests\": %zu, \"failed\": %ld, \"seconds\": %.6f, \"requests_per_second\": %.3f, "
        "\"server_cpu_us_per_request\": %.4f, \"latency_ms\": {\"p50\": %.6f, \"p99\": %.6f}}\n",
        latencies.size(), failed, seconds, count / seconds, cpu / count * 1e6, percentile(latencies, 0.5),
        percentile(latencies, 0.99));
    queue.Shutdown();
    while (queue.Next(&tag, &ok)) {}
    return failed > 0 || latencies.empty() ? 69 : 0;
}
