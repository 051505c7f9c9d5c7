// Programs that end in every way there is, and what they leave behind: for `heldby exec`.
package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// leave starts goroutines that can never run again.
func leave(n int) {
	for i := 0; i < n; i++ {
		never := make(chan int)
		go func() { never <- 1 }()
	}
	text := make([]byte, 1<<16)
	for strings.Count(string(text[:runtime.Stack(text, true)]), "[chan send]") < n {
		runtime.Gosched()
	}
}

func again(words ...string) *exec.Cmd {
	command := exec.Command(os.Args[0], words...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	return command
}

var ways = map[string]func(word string){
	"return": func(string) {},
	"clean":  func(string) {},
	"exit": func(word string) {
		code, _ := strconv.Atoi(word)
		os.Exit(code)
	},
	"exit-elsewhere": func(string) {
		go os.Exit(4)
		select {}
	},
	"fatal":   func(string) { log.Fatal("fatal") },
	"panic":   func(string) { panic("panic") },
	"nothing": func(string) { var nothing *int; *nothing = 1 },
	"crash":   func(string) { syscall.Kill(os.Getpid(), syscall.SIGKILL) },
	"handle": func(string) {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		fmt.Println("handles")
		<-signals
		os.Exit(7)
	},
	"copy": func(string) {
		if _, err := io.Copy(os.Stdout, os.Stdin); err != nil {
			log.Fatal(err)
		}
	},
	"write": func(word string) {
		megabytes, _ := strconv.Atoi(word)
		block := make([]byte, 1<<20)
		for i := 0; i < megabytes; i++ {
			os.Stdout.Write(block)
		}
	},
	// Ignored signals stay ignored: what a parent decided is not for us to change.
	"dispositions": func(string) {
		text, _ := os.ReadFile("/proc/self/status")
		for _, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(line, "SigIgn") || strings.HasPrefix(line, "SigBlk") {
				fmt.Println(line)
			}
		}
	},
	"pid":    func(string) { fmt.Println(os.Getpid(), os.Getppid()) },
	"parent": func(string) { fmt.Println("child", again("exit", "9").Run()) },
	"parent-of-many": func(string) {
		var children [8]*exec.Cmd
		for i := range children {
			children[i] = again("exit", "9")
			if err := children[i].Start(); err != nil {
				log.Fatal(err)
			}
		}
		for _, child := range children {
			fmt.Println("child", child.Wait())
		}
	},
	// The child outlives its parent, and ends when its input does.
	"daemon": func(string) {
		command := again("outlive")
		command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		command.Stdin = os.Stdin
		if err := command.Start(); err != nil {
			log.Fatal(err)
		}
	},
	"outlive": func(word string) {
		io.Copy(io.Discard, os.Stdin)
		fmt.Println("outlived")
		os.Exit(11)
	},
	"user": func(string) {
		if err := syscall.Setuid(65534); err != nil {
			log.Fatal(err)
		}
	},
	"linger": func(string) { time.Sleep(time.Hour) },
	// Goroutines that keep their threads end with them.
	"threads": func(word string) {
		rounds, _ := strconv.Atoi(word)
		for i := 0; i < rounds; i++ {
			var together sync.WaitGroup
			together.Add(8)
			for j := 0; j < 8; j++ {
				go func() {
					runtime.LockOSThread()
					together.Done()
					together.Wait()
				}()
			}
			together.Wait()
		}
		os.Exit(12)
	},
	// The program takes its own place, while other threads are there.
	"again": func(word string) {
		left, _ := strconv.Atoi(word)
		if left == 0 {
			os.Exit(13)
		}
		log.Fatal(syscall.Exec("/proc/self/exe", []string{os.Args[0], "again", strconv.Itoa(left - 1)}, os.Environ()))
	},
}

func main() {
	word := ""
	if len(os.Args) > 2 {
		word = os.Args[2]
	}
	if os.Args[1] != "clean" {
		leave(10)
	}
	fmt.Fprintln(os.Stderr, "ready")
	ways[os.Args[1]](word)
}
