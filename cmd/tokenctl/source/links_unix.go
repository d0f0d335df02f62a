//go:build unix

package source

import (
	"os"
	"syscall"
)

// namesOf returns how many names a file has.
func namesOf(info os.FileInfo) uint64 {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 1
	}
	return uint64(s.Nlink) //nolint:unconvert,nolintlint // it has another type elsewhere
}
