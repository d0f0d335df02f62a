package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/latchkey-api/latchkey/internal/tokenctltest"
)

// TestServeReportsDamagedFile checks that serve names a database file that it can't
// use, the cause, and what to do, in one sentence.
func TestServeReportsDamagedFile(t *testing.T) {
	const (
		file    = "DIR/engine.db"
		replace = "if that file is damaged, replace it with a copy, or move it and its -wal and -shm files away to begin with an empty table."
		noStart = "the DynamoDB engine ENGINE did not start (the local DynamoDB engine exited at start: error: "
		check   = "): check that it can run and that no other program uses " + file + "; " + replace
		use     = "): make it a file that you can read and write, or set DATA_DIR to another folder."
	)
	content := usedFile(t)
	for name, c := range map[string]struct {
		damage func(path string) error
		want   string
	}{
		"random_bytes": {
			func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte{0xd1, 0x07}, 2500), 0o600) },
			noStart + "Database file is encrypted or not a valid SQLite database. …" + check,
		},
		"truncated": {
			func(path string) error { return os.WriteFile(path, content[:len(content)/2], 0o600) },
			noStart + "Internal error: database disk image is malformed" + check,
		},
		"damaged_in_the_middle": {
			func(path string) error {
				const intact = 3 * 4096 // the first pages, which the engine reads when it starts
				return os.WriteFile(path, append(bytes.Clone(content[:intact]), bytes.Repeat([]byte{0xff}, len(content)-intact)...), 0o600)
			},
			"the DynamoDB engine failed on the data in " + file + " (InternalServerError: backend: database disk image is malformed): run `tokenctl serve` again; " + replace,
		},
		"folder": {
			func(path string) error { return os.Mkdir(path, 0o700) },
			"the database file " + file + " is not usable (is a directory" + use,
		},
		"no_permission": {
			func(path string) error { return os.WriteFile(path, content, 0o400) },
			"the database file " + file + " is not usable (permission denied" + use,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := c.damage(filepath.Join(dir, "engine.db")); err != nil {
				t.Fatal(err)
			}
			cmd := tokenctltest.Command(t, anyPort(dir), "serve")
			if name == "no_permission" && os.Geteuid() == 0 { // root may write every file
				asNobody(t, cmd, dir)
			}
			r := tokenctltest.Finish(t, cmd)
			r.Stderr = regexp.MustCompile(`engine \S+/dynoxide `).ReplaceAllString(r.Stderr, "engine ENGINE ")
			r.Stderr = regexp.MustCompile(`If encrypted, [^)]*\(\)[^)]*\)`).ReplaceAllString(r.Stderr, "…)")
			r.Stderr = strings.ReplaceAll(r.Stderr, dir, "DIR")
			tokenctltest.WantRefusal(t, r, c.want)
		})
	}
}

// usedFile returns the content of the database file of a server that was used.
func usedFile(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	tokenctltest.Serve(t, anyPort(dir)).End(t, syscall.SIGINT)
	content, err := os.ReadFile(filepath.Join(dir, "engine.db")) //nolint:gosec // the test's folder
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// asNobody lets a command run as a user without rights, with its program and its
// data in a folder of the test.
func asNobody(t *testing.T, cmd *exec.Cmd, dir string) {
	t.Helper()
	const nobody = 65534
	program, err := os.ReadFile(cmd.Path)
	if err == nil {
		cmd.Path = filepath.Join(dir, "tokenctl")
		err = os.WriteFile(cmd.Path, program, 0o755) //nolint:gosec // nobody runs it
	}
	for _, folder := range []string{dir, filepath.Dir(dir)} {
		if err == nil {
			err = os.Chmod(folder, 0o777) //nolint:gosec // nobody writes there
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}
