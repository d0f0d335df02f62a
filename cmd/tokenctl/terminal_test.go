package main_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/wire"

	"github.com/latchkey-api/latchkey/internal/tokenctltest"
)

// A terminal runs a command in a pseudo-terminal.
type terminal struct {
	cmd    *exec.Cmd
	file   *os.File
	screen *capture.Output
	ended  chan struct{}
}

// atTerminal starts tokenctl in a terminal.
func atTerminal(t *testing.T, env []string, args ...string) *terminal {
	t.Helper()
	term := &terminal{cmd: tokenctltest.Command(t, append(env, "TERM=xterm"), args...), screen: new(capture.Output), ended: make(chan struct{})}
	var err error
	if term.file, err = pty.StartWithSize(term.cmd, &pty.Winsize{Rows: 40, Cols: 200}); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.Copy(term.screen, term.file) // the read fails when the command ends
		close(term.ended)
	}()
	t.Cleanup(func() {
		_ = term.cmd.Process.Kill()
		<-term.ended
		_ = term.file.Close()
		tokenctltest.Keep(t, args, "terminal", term.screen.String())
	})
	return term
}

// shows waits until the screen shows a text.
func (term *terminal) shows(t *testing.T, text string) {
	t.Helper()
	tokenctltest.Eventually(t, "the screen shows "+text, func() bool { return strings.Contains(term.screen.String(), text) })
}

// types sends keys to the command.
func (term *terminal) types(t *testing.T, keys string) {
	t.Helper()
	if _, err := io.WriteString(term.file, keys); err != nil {
		t.Fatal(err)
	}
}

// exit waits until the command has ended and returns its exit code.
func (term *terminal) exit(t *testing.T) int {
	t.Helper()
	tokenctltest.Eventually(t, "the command ends", func() bool {
		select {
		case <-term.ended:
			return true
		default:
			return false
		}
	})
	_ = term.cmd.Wait() // ProcessState holds the result
	return term.cmd.ProcessState.ExitCode()
}

// home returns an environment with an empty home folder, and the path of the file
// in which login saves the default profile there.
func home(t *testing.T) (env []string, file string) {
	t.Helper()
	dir := t.TempDir()
	settings := filepath.Join(dir, ".config")
	if runtime.GOOS == "darwin" {
		settings = filepath.Join(dir, "Library", "Application Support")
	}
	return []string{"HOME=" + dir, "XDG_CONFIG_HOME=" + settings}, filepath.Join(settings, "latchkey", "default.json")
}

// TestLoginHidesAccessToken checks that the terminal does not show the access token
// that is typed.
func TestLoginHidesAccessToken(t *testing.T) {
	target, u, _ := serveAPI(t)
	env, file := home(t)
	term := atTerminal(t, env, "login", "--url", target.URL)
	term.shows(t, "Access token: ")
	term.types(t, u.AccessToken+"\n")
	term.shows(t, "You are logged in")
	if code := term.exit(t); code != 0 || strings.Contains(term.screen.String(), u.AccessToken) {
		t.Errorf("got exit %d, want 0 and the access token not on the screen", code)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the profile: %v", err)
	}
}

// TestLoginStopsOnCtrlC checks that Ctrl-C at the prompt saves nothing.
func TestLoginStopsOnCtrlC(t *testing.T) {
	env, file := home(t)
	term := atTerminal(t, env, "login", "--url", "http://127.0.0.1:1")
	term.shows(t, "Access token: ")
	term.types(t, "\x03")
	term.shows(t, "interrupted: nothing was done.")
	if code := term.exit(t); code != 1 {
		t.Errorf("got exit %d, want 1", code)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the profile: got %v, want none", err)
	}
}

// TestDeleteAsksForConfirmation checks that only yes deletes a token.
func TestDeleteAsksForConfirmation(t *testing.T) {
	_, u, env := serveAPI(t)
	if _, err := u.Create(t.Context(), wire.TokenInput{Name: new("app")}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		answer     string
		exit, left int
	}{{"\n", 1, 1}, {"n\n", 1, 1}, {"y\n", 0, 0}} {
		term := atTerminal(t, env, "token", "delete", "1")
		term.shows(t, "Permanently delete token 1 app? [y/N] ")
		term.types(t, c.answer)
		if code := term.exit(t); code != c.exit {
			t.Errorf("%q: got exit %d, want %d", c.answer, code, c.exit)
		}
		if page, err := u.List(t.Context(), client.ListOptions{}); err != nil || page.Total != int64(c.left) {
			t.Errorf("%q: got %d tokens, %v; want %d", c.answer, page.Total, err, c.left)
		}
	}
}

// TestTerminalProgressAndWatch checks that an import shows a progress bar and that
// --watch clears the screen before each output.
func TestTerminalProgressAndWatch(t *testing.T) {
	_, u, env := serveAPI(t)
	term := atTerminal(t, env, "token", "import", exported(t, 60))
	term.shows(t, "importing")
	term.shows(t, "60 tokens imported")
	if code := term.exit(t); code != 0 {
		t.Errorf("import: got exit %d", code)
	}
	watch := atTerminal(t, env, "token", "list", "--watch", "--interval", "100ms")
	watch.shows(t, "Showing 10 of 60 tokens")
	if err := u.Delete(t.Context(), 60); err != nil {
		t.Fatal(err)
	}
	watch.shows(t, "Showing 10 of 59 tokens")
	watch.types(t, "\x03")
	if code := watch.exit(t); code != 0 || !strings.Contains(watch.screen.String(), "\x1b[2J") {
		t.Errorf("watch: got exit %d after Ctrl-C, want 0 and a cleared screen", code)
	}
}
