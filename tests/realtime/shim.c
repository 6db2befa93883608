// Preloaded into a run to watch its real-time threads: counts memory calls, traps system calls, reads page faults.
//
// The executive calls isochron_thread_start on each of its threads just before the loop and isochron_thread_stop just
// after it, where a preloaded library defines them. Between the two every malloc, calloc, realloc, free, mmap and munmap
// of that thread is counted (C and C++ code included), every system call except futex traps (SECCOMP_RET_TRAP) and is
// counted by number before it is carried out, and page faults are taken from getrusage. At exit the totals are written as
// JSON to the file that ISOCHRON_SHIM_REPORT names.
//
// ISOCHRON_SHIM_PLANT makes every 100th wake-up of a thread break one rule on purpose, so that a test can see it caught:
// malloc, mmap, syscall or fault.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
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

static atomic_long threads, mallocs, frees, maps, traps, minor_faults, major_faults, futexes;
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

static void install_filter(void) {
  const unsigned long at = (unsigned long)shim_syscall_end;
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 6, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 5, 0),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(at & 0xffffffffu), 0, 2),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(at >> 32), 1, 0),
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
  (void)name;
  atomic_fetch_add(&threads, 1);
  if (getenv("ISOCHRON_SHIM_SECCOMP")) install_filter();
  getrusage(RUSAGE_THREAD, &before);
  watched = 1;
}

void isochron_thread_stop(void) {
  watched = 0;
  struct rusage after;
  getrusage(RUSAGE_THREAD, &after);
  atomic_fetch_add(&minor_faults, after.ru_minflt - before.ru_minflt);
  atomic_fetch_add(&major_faults, after.ru_majflt - before.ru_majflt);
}

static void plant(void) {
  static const char *what;
  static __thread int calls __attribute__((tls_model("initial-exec")));
  if (!what) what = getenv("ISOCHRON_SHIM_PLANT") ? getenv("ISOCHRON_SHIM_PLANT") : "";
  if (!*what || ++calls % 100) return;
  if (!strcmp(what, "malloc")) free(malloc(100));
  if (!strcmp(what, "mmap") || !strcmp(what, "fault")) {
    if (!strcmp(what, "fault")) watched = 0;
    volatile char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    watched = 1;
    page[0] = 1;
    munmap((void *)page, 4096);
  }
  if (!strcmp(what, "syscall")) syscall(SYS_getppid);
}

// Futex waits of Rust and libc pass through syscall(); it is the one place that a watched thread visits on every cycle.
long syscall(long number, ...) {
  __builtin_va_list list;
  __builtin_va_start(list, number);
  long a[6];
  for (int i = 0; i < 6; i++) a[i] = __builtin_va_arg(list, long);
  __builtin_va_end(list);
  if (watched && number == SYS_futex) {
    atomic_fetch_add(&futexes, 1);
    plant();
  }
  long result;
  register long r10 __asm__("r10") = a[3];
  register long r8 __asm__("r8") = a[4];
  register long r9 __asm__("r9") = a[5];
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
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
  fprintf(file, "{\"threads\":%ld,\"futexes\":%ld,\"mallocs\":%ld,\"frees\":%ld,\"maps\":%ld,\"minorFaults\":%ld,\"majorFaults\":%ld,\"traps\":%ld,\"systemCalls\":{",
          threads, futexes, mallocs, frees, maps, minor_faults, major_faults, traps);
  const char *comma = "";
  for (int n = 0; n < 1024; n++)
    if (by_number[n]) {
      fprintf(file, "%s\"%d\":%ld", comma, n, by_number[n]);
      comma = ",";
    }
  fprintf(file, "}}\n");
  fclose(file);
}
