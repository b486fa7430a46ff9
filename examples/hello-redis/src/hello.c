/* A small HTTP service: "/" greets with the commit it was built from and counts visits in Redis, "/healthz" says whether
 * it is well. One request at a time, which is enough to be watched. */

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "health.h"
#include "redis.h"

#ifndef COMMIT
#define COMMIT "unknown"
#endif

enum { PORT = 8080, BACKLOG = 64, REQUEST_BYTES = 8192 };

/* Docker stops a container by SIGTERM; as process 1 we die of it only because of this handler. */
static void stop(int signal) {
    (void)signal;
    _exit(0);
}

static int listen_on(int port) {
    /* IPv6 with IPv4 mapped into it where the kernel has it, plain IPv4 otherwise. */
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_any};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1;
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(fd, (struct sockaddr *)&six, sizeof six) == 0 && listen(fd, BACKLOG) == 0) return fd;
        close(fd);
    }
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&four, sizeof four) == 0 && listen(fd, BACKLOG) == 0) return fd;
    close(fd);
    return -1;
}

/* Reads up to the empty line that ends the head; 0 when the peer sends too much, nothing, or too slowly. */
static int read_head(int fd, char *head) {
    size_t used = 0;
    while (used < REQUEST_BYTES - 1) {
        ssize_t got = read(fd, head + used, REQUEST_BYTES - 1 - used);
        if (got <= 0) return 0;
        used += got;
        head[used] = '\0';
        if (strstr(head, "\r\n\r\n") != NULL) return 1;
    }
    return 0;
}

static void answer(int fd, const char *status, const char *body) {
    dprintf(fd,
            "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
            status, strlen(body), body);
}

static void greet(int fd) {
    const char *redis = getenv("REDIS_HOST");
    long visits = redis == NULL ? -1 : redis_increment(redis, "visits");
    char body[256];
    if (visits < 0)
        snprintf(body, sizeof body, "hello from commit %s\nvisits: not counted\n", COMMIT);
    else
        snprintf(body, sizeof body, "hello from commit %s\nvisits: %ld\n", COMMIT, visits);
    answer(fd, "200 OK", body);
}

static void serve(int fd) {
    static char head[REQUEST_BYTES];
    struct timeval patience = {.tv_sec = 5};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (!read_head(fd, head)) return;
    if (strncmp(head, "GET /healthz ", 13) == 0)
        answer(fd, HEALTHY ? "200 OK" : "503 Service Unavailable", HEALTHY ? "well\n" : "ill\n");
    else if (strncmp(head, "GET / ", 6) == 0)
        greet(fd);
    else
        answer(fd, "404 Not Found", "nothing here\n");
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts(COMMIT);
        return 0;
    }
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    signal(SIGPIPE, SIG_IGN);
    int listener = listen_on(PORT);
    if (listener < 0) {
        perror("hello: cannot listen on port 8080");
        return 1;
    }
    printf("hello: commit %s, listening on port %d\n", COMMIT, PORT);
    fflush(stdout);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) continue;
        serve(fd);
        close(fd);
    }
}
