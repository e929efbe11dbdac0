#define _GNU_SOURCE
#include "CCurl.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

// MARK: - Of one transfer

CURLcode herd_curl_set_url(CURL *easy, const char *url) { return curl_easy_setopt(easy, CURLOPT_URL, url); }

CURLcode herd_curl_set_body(CURL *easy, const void *bytes, size_t length) {
    // The size first: without it, the body would be copied up to its first zero byte.
    CURLcode code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
    if (code != CURLE_OK) return code;
    return curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, (const char *)(bytes ? bytes : ""));
}

CURLcode herd_curl_set_headers(CURL *easy, struct curl_slist *headers) {
    return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
}

CURLcode herd_curl_set_user_agent(CURL *easy, const char *agent) {
    return curl_easy_setopt(easy, CURLOPT_USERAGENT, agent);
}

CURLcode herd_curl_set_ca_file(CURL *easy, const char *path) {
    // Debian's default folder of certificates would be trusted besides.
    CURLcode code = curl_easy_setopt(easy, CURLOPT_CAPATH, (char *)NULL);
    if (code != CURLE_OK) return code;
    return curl_easy_setopt(easy, CURLOPT_CAINFO, path);
}

CURLcode herd_curl_set_ca_cache_seconds(CURL *easy, long seconds) {
    return curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, seconds);
}

CURLcode herd_curl_set_proxy(CURL *easy, const char *proxy) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_PROXY, proxy ? proxy : "");
    if (code != CURLE_OK) return code;
    return curl_easy_setopt(easy, CURLOPT_NOPROXY, proxy ? "" : "*");
}

CURLcode herd_curl_set_connect_timeout_ms(CURL *easy, long milliseconds) {
    return curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds);
}

CURLcode herd_curl_set_close(CURL *easy, curl_closesocket_callback function, void *context) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, context);
    return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, function);
}

CURLcode herd_curl_set_forbid_reuse(CURL *easy) { return curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L); }

CURLcode herd_curl_set_buffer_size(CURL *easy, long bytes) { return curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, bytes); }

static int bound_socket(void *context, curl_socket_t socket, curlsocktype purpose) {
    (void)context, (void)purpose;
    int bytes = HERD_CURL_SOCKET_BUFFER;
    // Where the kernel does not like it, its own size does as well.
    (void)setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    return CURL_SOCKOPT_OK;
}

CURLcode herd_curl_set_rules(CURL *easy) {
    CURLcode code;
    if ((code = curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L)) != CURLE_OK) return code;
    if ((code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https")) != CURLE_OK) return code;
    if ((code = curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L)) != CURLE_OK) return code;
    if ((code = curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1)) != CURLE_OK) return code;
    // Else libcurl would wait for the thread that looks up a name before it gives a transfer up, and all others with it.
    if ((code = curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L)) != CURLE_OK) return code;
    if ((code = curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, bound_socket)) != CURLE_OK) return code;
    if ((code = curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L)) != CURLE_OK) return code;
    if ((code = curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L)) != CURLE_OK) return code;
    if ((code = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L)) != CURLE_OK) return code;
    if ((code = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L)) != CURLE_OK) return code;
    return curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
}

CURLcode herd_curl_set_error_buffer(CURL *easy, char *buffer) {
    return curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, buffer);
}

static curl_socket_t no_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)context, (void)purpose, (void)address;
    return CURL_SOCKET_BAD;
}

CURLcode herd_curl_set_no_socket(CURL *easy) {
    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, no_socket);
}

CURLcode herd_curl_set_write(CURL *easy, herd_curl_receive receive, void *context) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
    if (code != CURLE_OK) return code;
    return curl_easy_setopt(easy, CURLOPT_WRITEDATA, context);
}

CURLcode herd_curl_set_header(CURL *easy, herd_curl_receive receive, void *context) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, receive);
    if (code != CURLE_OK) return code;
    return curl_easy_setopt(easy, CURLOPT_HEADERDATA, context);
}

// MARK: - What is known of one transfer

long herd_curl_status(CURL *easy) {
    long status = 0;
    return curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK ? status : 0;
}

long herd_curl_new_connections(CURL *easy) {
    long count = 0;
    return curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &count) == CURLE_OK ? count : 0;
}

int64_t herd_curl_retry_after(CURL *easy) {
    curl_off_t seconds = 0;
    return curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK ? (int64_t)seconds : 0;
}

const char *herd_curl_content_type(CURL *easy) {
    char *type = NULL;
    return curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK ? type : NULL;
}

const char *herd_curl_redirect_url(CURL *easy) {
    char *url = NULL;
    return curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &url) == CURLE_OK ? url : NULL;
}

int herd_curl_host(const char *url, char *host, size_t capacity) {
    CURLU *parsed = curl_url();
    char *found = NULL;
    int known = 0;
    if (parsed && capacity > 0 && curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_HOST, &found, 0) == CURLUE_OK) {
        strncpy(host, found, capacity - 1);
        host[capacity - 1] = '\0';
        known = 1;
    }
    curl_free(found);
    curl_url_cleanup(parsed);
    return known;
}

// MARK: - Of all transfers

CURLMcode herd_curl_multi_set_kept_connections(CURLM *multi, long count) {
    return curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, count);
}

CURL *herd_curl_multi_next_done(CURLM *multi, CURLcode *result) {
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &left))) {
        if (message->msg != CURLMSG_DONE) continue;
        *result = message->data.result;
        return message->easy_handle;
    }
    return NULL;
}

CURLMcode herd_curl_multi_set_watch(CURLM *multi, herd_curl_watch watch, void *context) {
    CURLMcode code = curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, context);
    if (code != CURLM_OK) return code;
    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch);
}

CURLMcode herd_curl_multi_set_timer(CURLM *multi, herd_curl_timer timer, void *context) {
    CURLMcode code = curl_multi_setopt(multi, CURLMOPT_TIMERDATA, context);
    if (code != CURLM_OK) return code;
    return curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer);
}

CURLMcode herd_curl_multi_run_socket(CURLM *multi, curl_socket_t socket, int actions) {
    int running;
    return curl_multi_socket_action(multi, socket, actions, &running);
}

CURLMcode herd_curl_multi_run_timers(CURLM *multi) {
    int running;
    return curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

size_t herd_curl_pause_value(void) { return CURL_WRITEFUNC_PAUSE; }

CURLcode herd_curl_resume(CURL *easy) { return curl_easy_pause(easy, CURLPAUSE_CONT); }

// MARK: - The system

uint64_t herd_monotonic_nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t herd_thread_nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void herd_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
