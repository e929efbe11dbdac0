#pragma once

#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>

// Typed calls for what libcurl takes through variadic functions, one per option, because Swift cannot call those and C
// would not notice a wrong type. All return libcurl's own code. Nothing here keeps state.

#ifdef __cplusplus
extern "C" {
#endif

// MARK: - Of one transfer (curl_easy_setopt)

CURLcode herd_curl_set_url(CURL *_Nonnull easy, const char *_Nonnull url);

/// CURLOPT_COPYPOSTFIELDS: a POST whose body libcurl copies.
CURLcode herd_curl_set_body(CURL *_Nonnull easy, const void *_Nullable bytes, size_t length);

/// CURLOPT_HTTPHEADER: the list must outlive the transfer.
CURLcode herd_curl_set_headers(CURL *_Nonnull easy, struct curl_slist *_Nullable headers);

CURLcode herd_curl_set_user_agent(CURL *_Nonnull easy, const char *_Nonnull agent);

/// CURLOPT_CAINFO: the only certificates that are trusted from then on.
CURLcode herd_curl_set_ca_file(CURL *_Nonnull easy, const char *_Nonnull path);

/// CURLOPT_CA_CACHE_TIMEOUT: how long the parsed certificates of a CA file are used again.
CURLcode herd_curl_set_ca_cache_seconds(CURL *_Nonnull easy, long seconds);

/// CURLOPT_PROXY and CURLOPT_NOPROXY; without a proxy, those of the environment are not used either.
CURLcode herd_curl_set_proxy(CURL *_Nonnull easy, const char *_Nullable proxy);

CURLcode herd_curl_set_connect_timeout_ms(CURL *_Nonnull easy, long milliseconds);

/// CURLOPT_CLOSESOCKETFUNCTION: closes the sockets of connections that this transfer makes, also after its end; `context`
/// must outlive the multi handle.
CURLcode herd_curl_set_close(CURL *_Nonnull easy, curl_closesocket_callback _Nonnull function, void *_Nullable context);

/// CURLOPT_FORBID_REUSE: the connection is closed when the transfer is over.
CURLcode herd_curl_set_forbid_reuse(CURL *_Nonnull easy);

CURLcode herd_curl_set_buffer_size(CURL *_Nonnull easy, long bytes);

/// Bytes that the kernel keeps of an answer that nobody reads; left to itself, it would keep up to 6 MB of each.
#define HERD_CURL_SOCKET_BUFFER (128 * 1024)

/// What holds for each of Herd's transfers: no signals, HTTP/1.1 over http and https only, redirects not followed,
/// TCP_NODELAY, a bounded receive buffer, no waiting for name lookups that were given up, certificates and host names verified, TLS 1.2 or later.
CURLcode herd_curl_set_rules(CURL *_Nonnull easy);

/// CURLOPT_ERRORBUFFER, of at least CURL_ERROR_SIZE bytes; must outlive the transfer.
CURLcode herd_curl_set_error_buffer(CURL *_Nonnull easy, char *_Nonnull buffer);

/// CURLOPT_OPENSOCKETFUNCTION: the transfer gets no socket and fails before it reaches any host.
CURLcode herd_curl_set_no_socket(CURL *_Nonnull easy);

typedef size_t (*herd_curl_receive)(char *_Nullable bytes, size_t size, size_t count, void *_Nullable context);

CURLcode herd_curl_set_write(CURL *_Nonnull easy, herd_curl_receive _Nonnull receive, void *_Nonnull context);

CURLcode herd_curl_set_header(CURL *_Nonnull easy, herd_curl_receive _Nonnull receive, void *_Nonnull context);

// MARK: - What is known of one transfer (curl_easy_getinfo)

/// CURLINFO_RESPONSE_CODE; 0 where there was no answer.
long herd_curl_status(CURL *_Nonnull easy);

/// CURLINFO_NUM_CONNECTS: how many connections it made; 0 where it took one that was kept.
long herd_curl_new_connections(CURL *_Nonnull easy);

/// CURLINFO_RETRY_AFTER in seconds, from a number or a date; 0 where there is none.
int64_t herd_curl_retry_after(CURL *_Nonnull easy);

/// CURLINFO_CONTENT_TYPE, valid until the handle is used again.
const char *_Nullable herd_curl_content_type(CURL *_Nonnull easy);

/// CURLINFO_REDIRECT_URL, valid until the handle is used again.
const char *_Nullable herd_curl_redirect_url(CURL *_Nonnull easy);

/// The host of a URL, cut to `capacity` - 1 bytes; 0 where it has none.
int herd_curl_host(const char *_Nonnull url, char *_Nonnull host, size_t capacity);

// MARK: - Of all transfers (curl_multi_setopt)

/// CURLMOPT_MAXCONNECTS: connections kept open for later transfers.
CURLMcode herd_curl_multi_set_kept_connections(CURLM *_Nonnull multi, long count);

/// The next transfer that is over, nil where there is none; its result goes to *result.
CURL *_Nullable herd_curl_multi_next_done(CURLM *_Nonnull multi, CURLcode *_Nonnull result);

typedef int (*herd_curl_watch)(
    CURL *_Nonnull easy, curl_socket_t socket, int what, void *_Nullable context, void *_Nullable assigned);

/// CURLMOPT_SOCKETFUNCTION: told which sockets are to be watched for what, from within libcurl's other calls.
CURLMcode herd_curl_multi_set_watch(CURLM *_Nonnull multi, herd_curl_watch _Nonnull watch, void *_Nonnull context);

typedef int (*herd_curl_timer)(CURLM *_Nonnull multi, long milliseconds, void *_Nullable context);

/// CURLMOPT_TIMERFUNCTION: told in how many milliseconds `herd_curl_multi_run_timers` is to be called, -1 for never.
CURLMcode herd_curl_multi_set_timer(CURLM *_Nonnull multi, herd_curl_timer _Nonnull timer, void *_Nonnull context);

/// curl_multi_socket_action for a socket that is ready; `actions` of CURL_CSELECT_, or 0 to have libcurl look itself.
CURLMcode herd_curl_multi_run_socket(CURLM *_Nonnull multi, curl_socket_t socket, int actions);

/// curl_multi_socket_action for whatever is due.
CURLMcode herd_curl_multi_run_timers(CURLM *_Nonnull multi);

/// CURL_WRITEFUNC_PAUSE: what a receive function returns to be given the same bytes later.
size_t herd_curl_pause_value(void);

/// curl_easy_pause with CURLPAUSE_CONT; the receive function may be called from within.
CURLcode herd_curl_resume(CURL *_Nonnull easy);

// MARK: - The system, as far as Swift's own headers leave it out here

/// CLOCK_MONOTONIC in nanoseconds.
uint64_t herd_monotonic_nanoseconds(void);

/// CLOCK_THREAD_CPUTIME_ID of the calling thread in nanoseconds.
uint64_t herd_thread_nanoseconds(void);

/// Names the calling thread, for people who look at the process.
void herd_name_thread(const char *_Nonnull name);

// MARK: - Waiting for sockets (epoll, eventfd)

/// What ends the wait of a poll from any other thread; -1 where there is no descriptor left.
int herd_bell_open(void);

void herd_bell_ring(int bell);

/// A poll that watches the bell, unless that is -1; -1 where there is no descriptor left.
int herd_poll_open(int bell);

/// Watches a socket for `what` of libcurl's CURL_POLL_ constants, or no longer. `known` tells whether it is watched already;
/// a wrong guess costs a system call. Returns 0 or an errno; a socket that is gone is none.
int herd_poll_watch(int poll, curl_socket_t socket, int what, int known);

/// Sockets of one wait, at most.
#define HERD_POLL_BATCH 256

typedef struct {
    curl_socket_t socket;
    /// For `herd_curl_multi_run_socket`.
    int actions;
} herd_ready_socket;

/// Waits until a socket is ready, the bell has been rung since the last time, or the time is over; milliseconds are rounded
/// up where the kernel knows no shorter time. Returns how many of `ready` (of HERD_POLL_BATCH) it has set.
int herd_poll_wait(int poll, herd_ready_socket *_Nonnull ready, int64_t nanoseconds);

/// Closes a poll, a bell or a socket.
void herd_poll_close(int descriptor);

/// Has the kernel ring a bell when a poll finds a socket ready, so that whoever waits for the bell with other things need
/// not wait for the poll.
typedef struct {
    unsigned long context;
    int poll;
    int bell;
    int unfetched;
} herd_alert;

/// Returns 0 or an errno: ENOSYS, EPERM where the system has or allows no asynchronous I/O, EAGAIN where all of it is taken
/// (fs.aio-max-nr).
int herd_alert_open(herd_alert *_Nonnull alert, int poll, int bell);

/// Rings once, at once where a socket is ready. Returns 0 or an errno.
int herd_alert_arm(herd_alert *_Nonnull alert);

void herd_alert_close(herd_alert *_Nonnull alert);

#ifdef __cplusplus
}
#endif
