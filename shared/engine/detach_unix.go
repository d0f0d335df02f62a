//go:build unix

package engine

import (
	"os/exec"
	"syscall"
)

// detach gives the engine a process group of its own: a Ctrl-C at the
// terminal is for the server, which ends the engine when it is done with it.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
