// Runs a command in a world where the kernel refuses something to it:
//
//	without listener COMMAND   no seccomp filter may ask anybody (before Linux 5.0)
//	without going-on COMMAND   one may, but no answer may say that the call goes on (before Linux 5.5)
//	without tracing COMMAND    no filter may ask, and no process may trace another one
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"
)

// Of linux/bpf_common.h, linux/seccomp.h and asm/unistd_64.h.
const (
	load     = 0x20 // BPF_LD | BPF_W | BPF_ABS
	isEqual  = 0x15 // BPF_JMP | BPF_JEQ | BPF_K
	hasBits  = 0x45 // BPF_JMP | BPF_JSET | BPF_K
	answer   = 0x06 // BPF_RET | BPF_K
	allow    = 0x7fff0000
	deny     = 0x00050000 // with an errno
	number   = 0          // where struct seccomp_data has them
	argument = 16

	ioctl, ptrace, prctl, seccomp = 16, 101, 157, 317

	newListener  = 1 << 3     // SECCOMP_FILTER_FLAG_NEW_LISTENER
	sendAnswer   = 0xc0182101 // SECCOMP_IOCTL_NOTIF_SEND
	noNewPrivs   = 38         // PR_SET_NO_NEW_PRIVS
	setFilter    = 1          // SECCOMP_SET_MODE_FILTER
	secondLow    = argument + 8
	noSuchThing  = uint32(syscall.EINVAL)
	notPermitted = uint32(syscall.EPERM)
)

// refuse denies a system call, when the low half of its second argument fits.
func refuse(call uint32, test uint16, second uint32, errno uint32) []syscall.SockFilter {
	return []syscall.SockFilter{
		{Code: load, K: number},
		{Code: isEqual, K: call, Jf: 3},
		{Code: load, K: secondLow},
		{Code: test, K: second, Jf: 1},
		{Code: answer, K: deny | errno},
	}
}

var worlds = map[string][]syscall.SockFilter{
	"listener": refuse(seccomp, hasBits, newListener, noSuchThing),
	"going-on": refuse(ioctl, isEqual, sendAnswer, noSuchThing),
	"tracing": append(refuse(seccomp, hasBits, newListener, noSuchThing),
		syscall.SockFilter{Code: load, K: number},
		syscall.SockFilter{Code: isEqual, K: ptrace, Jf: 1},
		syscall.SockFilter{Code: answer, K: deny | notPermitted}),
}

func main() {
	runtime.LockOSThread() // the filter is the thread's that becomes the command
	program := append(worlds[os.Args[1]], syscall.SockFilter{Code: answer, K: allow})
	filter := syscall.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if _, _, errno := syscall.RawSyscall6(prctl, noNewPrivs, 1, 0, 0, 0, 0); errno != 0 {
		fail(errno)
	}
	if _, _, errno := syscall.RawSyscall(seccomp, setFilter, 0, uintptr(unsafe.Pointer(&filter))); errno != 0 {
		fail(errno)
	}
	path, err := exec.LookPath(os.Args[2])
	if err != nil {
		fail(err)
	}
	fail(syscall.Exec(path, os.Args[2:], os.Environ()))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "without:", err)
	os.Exit(125)
}
