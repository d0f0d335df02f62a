//go:build unix

package engine

import (
	"os/exec"
	"syscall"
)

// detach starts the engine in its own process group, so that Ctrl-C at the
// terminal does not reach it. The server stops the engine after its last request.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
