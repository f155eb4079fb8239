/* Preloaded under SQLite: makes fdatasync and pwrite64 fail where a test arms it, on the spool's files alone.
 *
 * CHAOS_CONTROL names a file of eight 32-bit words that the test maps too:
 *   0  calls of fdatasync that shall fail with EIO       1  such calls that have failed
 *   2  writes that shall be cut short                    3  such writes that were
 *   4  errno of the write after a short one; 0: it succeeds
 *   5  set while the write after a short one is due
 * A failed fdatasync syncs nothing. A short write writes half. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SYNCS, SYNCS_DONE, WRITES, WRITES_DONE, ERRNO, DUE, WORDS = 8 };

static volatile int *word;
static int (*real_fdatasync)(int);
static ssize_t (*real_pwrite64)(int, const void *, size_t, off64_t);

__attribute__((constructor)) static void begin(void) {
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_pwrite64 = dlsym(RTLD_NEXT, "pwrite64");
    const char *path = getenv("CHAOS_CONTROL");
    int fd = path ? open(path, O_RDWR) : -1;
    if (fd < 0) return;
    void *map = mmap(NULL, WORDS * sizeof *word, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) word = map;
    close(fd);
}

static int of_spool(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return strstr(path, "/spool.sqlite") != NULL;
}

/* Takes one of the armed faults; 0 when none is left. */
static int take(int armed, int done) {
    for (int n = word[armed]; n > 0; n = word[armed])
        if (__sync_bool_compare_and_swap(&word[armed], n, n - 1)) {
            __sync_fetch_and_add(&word[done], 1);
            return 1;
        }
    return 0;
}

int fdatasync(int fd) {
    if (word && word[SYNCS] > 0 && of_spool(fd) && take(SYNCS, SYNCS_DONE)) {
        errno = EIO;
        return -1;
    }
    return real_fdatasync(fd);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    if (word && word[DUE] && of_spool(fd) && __sync_bool_compare_and_swap(&word[DUE], 1, 0)) {
        errno = word[ERRNO];
        if (errno) return -1;
    }
    if (word && size > 1 && word[WRITES] > 0 && of_spool(fd) && take(WRITES, WRITES_DONE)) {
        word[DUE] = 1;
        return real_pwrite64(fd, data, size / 2, at);
    }
    return real_pwrite64(fd, data, size, at);
}
