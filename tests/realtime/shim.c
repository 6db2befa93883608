// Preloaded into a run to watch its real-time threads: counts memory calls, traps system calls, reads page faults.
//
// The executive calls isochron_thread_start on each of its threads just before the loop and isochron_thread_stop just
// after it, where a preloaded library defines them. Between the two every malloc, calloc, realloc, free, mmap and munmap
// of that thread is counted (C and C++ code included), every system call except the sleep and its wake-up traps
// (SECCOMP_RET_TRAP) and is counted by number before it is carried out, and page faults are taken from getrusage. The
// sleep is a futex wait with a time limit; a wait without one is a lock, and traps. At exit the totals are written as
// JSON to the file that ISOCHRON_SHIM_REPORT names.
//
// ISOCHRON_SHIM_PLANT makes every 20th wake-up of a thread break one rule on purpose, so that a test can see it caught:
// malloc, mmap, syscall, lock, minor-fault or major-fault (which reads the file that ISOCHRON_SHIM_FILE names).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static __thread volatile int watched __attribute__((tls_model("initial-exec")));
static __thread struct rusage before __attribute__((tls_model("initial-exec")));

enum { SLEEP = FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, WAKE_UP = FUTEX_WAKE | FUTEX_PRIVATE_FLAG };

static atomic_long threads, filtered, mallocs, frees, maps, traps, minor_faults, major_faults, sleeps, planted;
static atomic_long by_number[1024];

// One system call instruction that the filter lets through by its address, for the handler's own use.
long shim_syscall(long n, long a, long b, long c, long d, long e, long f);
extern const char shim_syscall_begin[], shim_syscall_end[];
__asm__(".text\n.globl shim_syscall\nshim_syscall:\n"
        "mov %rdi,%rax\nmov %rsi,%rdi\nmov %rdx,%rsi\nmov %rcx,%rdx\nmov %r8,%r10\nmov %r9,%r8\nmov 8(%rsp),%r9\n"
        ".globl shim_syscall_begin\nshim_syscall_begin:\nsyscall\n"
        ".globl shim_syscall_end\nshim_syscall_end:\nret\n");

static void on_trap(int signal, siginfo_t *info, void *context) {
  (void)signal;
  greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
  if (watched) {
    atomic_fetch_add(&traps, 1);
    if (info->si_syscall >= 0 && info->si_syscall < 1024) atomic_fetch_add(&by_number[info->si_syscall], 1);
  }
  r[REG_RAX] = shim_syscall(info->si_syscall, r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8], r[REG_R9]);
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(value), yes, no)

// Threads at the edge of a run, `iso:in` and `iso:out`, may receive, send and write to the pipe that wakes JavaScript, too.
static void install_filter(int is_edge) {
  const unsigned none = ~0u, receive = is_edge ? SYS_recvfrom : none, send = is_edge ? SYS_sendto : none,
                 notify = is_edge ? SYS_write : none;
  const unsigned long at = (unsigned long)shim_syscall_end;
  struct sock_filter filter[] = {
      LOAD(nr),
      IF_EQUAL(SYS_rt_sigreturn, 14, 0),
      IF_EQUAL(receive, 13, 0),
      IF_EQUAL(send, 12, 0),
      IF_EQUAL(notify, 11, 0),
      IF_EQUAL(SYS_futex, 0, 5),
      LOAD(args[1]),
      IF_EQUAL(WAKE_UP, 8, 0),
      IF_EQUAL(SLEEP, 0, 2),
      LOAD(args[3]),  // the time limit's address
      IF_EQUAL(0, 0, 5),
      LOAD(instruction_pointer),
      IF_EQUAL(at & 0xffffffffu, 0, 2),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4),
      IF_EQUAL(at >> 32, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  struct sigaction action = {0};
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSYS, &action, NULL);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
    perror("shim: seccomp");
    _exit(97);
  }
}

void isochron_thread_start(const char *name) {
  atomic_fetch_add(&threads, 1);
  install_filter(!strcmp(name, "iso:in") || !strcmp(name, "iso:out"));
  getrusage(RUSAGE_THREAD, &before);
  watched = 1;
}

void isochron_thread_stop(void) {
  watched = 0;
  struct rusage after;
  getrusage(RUSAGE_THREAD, &after);
  atomic_fetch_add(&minor_faults, after.ru_minflt - before.ru_minflt);
  atomic_fetch_add(&major_faults, after.ru_majflt - before.ru_majflt);
  if (prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER) atomic_fetch_add(&filtered, 1);
}

static enum { NOTHING, MALLOC, MMAP, SYSCALL, LOCK, MINOR_FAULT, MAJOR_FAULT } kind;
static char file_to_read[4096];

// Decided before any thread is watched: a watched thread does not even read the names.
__attribute__((constructor)) static void choose_plant(void) {
  const char *const names[] = {"", "malloc", "mmap", "syscall", "lock", "minor-fault", "major-fault"};
  const char *wanted = getenv("ISOCHRON_SHIM_PLANT"), *file = getenv("ISOCHRON_SHIM_FILE");
  for (size_t at = 0; wanted && at < sizeof names / sizeof *names; at++)
    if (!strcmp(wanted, names[at])) kind = at;
  if (file) strncpy(file_to_read, file, sizeof file_to_read - 1);
}

// Breaks one rule and no other: what it takes beside the violation itself passes through the door in the filter.
static void plant(void) {
  static __thread int calls __attribute__((tls_model("initial-exec")));
  if (kind == NOTHING || ++calls % 20) return;
  atomic_fetch_add(&planted, 1);
  switch (kind) {
    case NOTHING:
      return;
    case MALLOC: {
      void *volatile piece = malloc(100);
      free(piece);
      return;
    }
    case MMAP:
      munmap(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
      return;
    case SYSCALL:
      syscall(SYS_getppid);
      return;
    case LOCK: {
      static int word;
      syscall(SYS_futex, &word, SLEEP, 1, NULL, NULL, FUTEX_BITSET_MATCH_ANY);
      return;
    }
    case MINOR_FAULT: {
      const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
      long page = shim_syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, flags, -1, 0);
      *(volatile char *)page = 1;
      shim_syscall(SYS_munmap, page, 4096, 0, 0, 0, 0);
      return;
    }
    case MAJOR_FAULT: {
      long file = shim_syscall(SYS_openat, AT_FDCWD, (long)file_to_read, O_RDONLY, 0, 0, 0);
      shim_syscall(SYS_fsync, file, 0, 0, 0, 0, 0);
      shim_syscall(SYS_fadvise64, file, 0, 0, POSIX_FADV_DONTNEED, 0, 0);
      long page = shim_syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, file, 0);
      (void)*(volatile char *)page;
      shim_syscall(SYS_munmap, page, 4096, 0, 0, 0, 0);
      shim_syscall(SYS_close, file, 0, 0, 0, 0, 0);
      return;
    }
  }
}

// Futex waits of Rust and libc pass through syscall(); it is the one place that a watched thread visits on every cycle.
long syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long a[6];
  for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
  va_end(list);
  if (watched && number == SYS_futex && a[1] == SLEEP && a[3]) {
    atomic_fetch_add(&sleeps, 1);
    plant();
  }
  long result;
  register long r10 __asm__("r10") = a[3];
  register long r8 __asm__("r8") = a[4];
  register long r9 __asm__("r9") = a[5];
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  if (result < 0 && result > -4096) {
    errno = (int)-result;
    return -1;
  }
  return result;
}

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

#define COUNT(counter) \
  if (watched) atomic_fetch_add(&counter, 1)

void *malloc(size_t size) {
  COUNT(mallocs);
  return __libc_malloc(size);
}
void *calloc(size_t n, size_t size) {
  COUNT(mallocs);
  return __libc_calloc(n, size);
}
void *realloc(void *old, size_t size) {
  COUNT(mallocs);
  return __libc_realloc(old, size);
}
void *aligned_alloc(size_t align, size_t size) {
  COUNT(mallocs);
  return __libc_memalign(align, size);
}
int posix_memalign(void **out, size_t align, size_t size) {
  COUNT(mallocs);
  *out = __libc_memalign(align, size);
  return *out ? 0 : ENOMEM;
}
void *memalign(size_t align, size_t size) {
  COUNT(mallocs);
  return __libc_memalign(align, size);
}
void free(void *p) {
  if (p) COUNT(frees);
  __libc_free(p);
}
void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
  COUNT(maps);
  return (void *)syscall(SYS_mmap, at, length, protection, flags, fd, offset);
}
int munmap(void *at, size_t length) {
  COUNT(maps);
  return (int)syscall(SYS_munmap, at, length);
}

__attribute__((destructor)) static void report(void) {
  const char *path = getenv("ISOCHRON_SHIM_REPORT");
  if (!path || !atomic_load(&threads)) return;
  FILE *file = fopen(path, "w");
  if (!file) return;
  const struct {
    const char *name;
    long count;
  } totals[] = {{"threads", threads}, {"filtered", filtered}, {"sleeps", sleeps}, {"planted", planted},
                {"mallocs", mallocs}, {"frees", frees}, {"maps", maps}, {"traps", traps},
                {"minorFaults", minor_faults}, {"majorFaults", major_faults}};
  fputs("{", file);
  for (size_t at = 0; at < sizeof totals / sizeof *totals; at++) fprintf(file, "\"%s\":%ld,", totals[at].name, totals[at].count);
  fputs("\"systemCalls\":{", file);
  const char *comma = "";
  for (int n = 0; n < 1024; n++)
    if (by_number[n]) {
      fprintf(file, "%s\"%d\":%ld", comma, n, by_number[n]);
      comma = ",";
    }
  fprintf(file, "}}\n");
  fclose(file);
}
