package main_test

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A terminal is one at which a command runs.
type terminal struct {
	cmd    *exec.Cmd
	file   *os.File
	screen *capture.Output
	ended  chan struct{}
}

func atTerminal(t *testing.T, env []string, args ...string) *terminal {
	t.Helper()
	term := &terminal{cmd: command(t, append(env, "TERM=xterm"), args), screen: new(capture.Output), ended: make(chan struct{})}
	var err error
	if term.file, err = pty.StartWithSize(term.cmd, &pty.Winsize{Rows: 40, Cols: 200}); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.Copy(term.screen, term.file) // it ends with an error, as the command does
		close(term.ended)
	}()
	t.Cleanup(func() {
		_ = term.cmd.Process.Kill()
		<-term.ended
		_ = term.file.Close()
		keep(t, verb(args), "terminal", term.screen.String())
	})
	return term
}

func (term *terminal) shows(t *testing.T, text string) {
	t.Helper()
	eventually(t, "the screen shows "+text, func() bool { return strings.Contains(term.screen.String(), text) })
}

func (term *terminal) types(t *testing.T, keys string) {
	t.Helper()
	if _, err := io.WriteString(term.file, keys); err != nil {
		t.Fatal(err)
	}
}

// exit waits for the command's end.
func (term *terminal) exit(t *testing.T) int {
	t.Helper()
	eventually(t, "the command ends", func() bool {
		select {
		case <-term.ended:
			return true
		default:
			return false
		}
	})
	_ = term.cmd.Wait() // its state says the rest
	return term.cmd.ProcessState.ExitCode()
}

// TestATerminalDoesNotShowTheAccessToken: what it showed is searched at the
// end, as all output is.
func TestATerminalDoesNotShowTheAccessToken(t *testing.T) {
	target, u, _ := caller(t)
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

func TestCtrlCEndsALogin(t *testing.T) {
	env, file := home(t)
	term := atTerminal(t, env, "login", "--url", "http://127.0.0.1:1")
	term.shows(t, "Access token: ")
	term.types(t, "\x03")
	term.shows(t, "interrupted: nothing was saved.")
	if code := term.exit(t); code != 1 {
		t.Errorf("got exit %d, want 1", code)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the profile: got %v, want none", err)
	}
}

func TestADeletionAsksAtATerminal(t *testing.T) {
	_, u, env := caller(t)
	if _, err := u.Create(t.Context(), wire.TokenInput{Name: new("app")}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		answer     string
		exit, left int
	}{{"\n", 1, 1}, {"n\n", 1, 1}, {"y\n", 0, 0}} {
		term := atTerminal(t, env, "token", "delete", "1")
		term.shows(t, "Delete token 1 app for good? [y/N] ")
		term.types(t, c.answer)
		if code := term.exit(t); code != c.exit {
			t.Errorf("%q: got exit %d, want %d", c.answer, code, c.exit)
		}
		if page, err := u.List(t.Context(), client.ListOptions{}); err != nil || page.Total != int64(c.left) {
			t.Errorf("%q: got %d tokens, %v; want %d", c.answer, page.Total, err, c.left)
		}
	}
}

func TestATerminalShowsProgressAndWatches(t *testing.T) {
	_, u, env := caller(t)
	term := atTerminal(t, env, "token", "import", exported(t, 60))
	term.shows(t, "importing")
	term.shows(t, "60 tokens are imported")
	if code := term.exit(t); code != 0 {
		t.Errorf("import: got exit %d", code)
	}
	watch := atTerminal(t, env, "token", "list", "--watch", "--interval", "100ms")
	watch.shows(t, "10 of 60 tokens")
	if err := u.Delete(t.Context(), 60); err != nil {
		t.Fatal(err)
	}
	watch.shows(t, "10 of 59 tokens")
	watch.types(t, "\x03")
	if code := watch.exit(t); code != 0 || !strings.Contains(watch.screen.String(), "\x1b[2J") {
		t.Errorf("watch: got exit %d after Ctrl-C, want 0 and a screen that was cleared", code)
	}
}
