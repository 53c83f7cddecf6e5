/* A wall clock that somebody else drives: LD_PRELOAD it and name the file of jumps in
   ECHOCAST_TEST_CLOCK. Between jumps it runs as the machine's own. Times of files, which the kernel
   writes, are read as what this clock was then. Monotonic clocks are left alone. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL

struct jump { int64_t since, ahead; };                      /* of the machine's clock, in ns */
static struct { int64_t count; struct jump jumps[]; } *clock_file;

__attribute__((constructor)) static void open_clock(void)
{
    const char *path = getenv("ECHOCAST_TEST_CLOCK");
    struct stat status;
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0 || fstat(file, &status))
        return;
    void *mapped = mmap(NULL, status.st_size, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED)
        clock_file = mapped;
}

static int64_t ahead_at(int64_t real)                       /* of the last jump until then */
{
    if (!clock_file)
        return 0;
    int64_t low = 0, high = __atomic_load_n(&clock_file->count, __ATOMIC_ACQUIRE);
    while (high - low > 1) {
        int64_t middle = (low + high) / 2;
        if (clock_file->jumps[middle].since <= real)
            low = middle;
        else
            high = middle;
    }
    return clock_file->jumps[low].ahead;
}

static void move(struct timespec *time)
{
    int64_t real = time->tv_sec * SECOND + time->tv_nsec;
    int64_t driven = real + ahead_at(real);
    time->tv_sec = driven / SECOND;
    time->tv_nsec = driven % SECOND;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, time);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        move(time);
    return failed;
}

int gettimeofday(struct timeval *time, void *zone)
{
    struct timespec now;
    (void)zone;
    int failed = clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *result)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result)
        *result = now.tv_sec;
    return now.tv_sec;
}

static int moved(int failed, struct stat64 *status)
{
    if (!failed) {
        move(&status->st_atim);
        move(&status->st_mtim);
        move(&status->st_ctim);
    }
    return failed;
}

#define REAL(name) static typeof(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)

int stat64(const char *path, struct stat64 *status)
{
    REAL(stat64);
    return moved(real(path, status), status);
}

int lstat64(const char *path, struct stat64 *status)
{
    REAL(lstat64);
    return moved(real(path, status), status);
}

int fstat64(int file, struct stat64 *status)
{
    REAL(fstat64);
    return moved(real(file, status), status);
}

int fstatat64(int folder, const char *path, struct stat64 *status, int flags)
{
    REAL(fstatat64);
    return moved(real(folder, path, status, flags), status);
}
