package readertest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/latchkey-api/latchkey/internal/document"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/modelstest"
	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/credential"
)

// A walk is a block that TestReader runs.
type walk struct {
	document, begins string
	want             []string // what it prints, among other things
	before           string   // what the document tells the reader to do first
	answer           string   // what the reader types at its question
}

// walks lists the blocks of TestReader in their order. In all of them the URL of the
// server replaces the one that `make run` has by default.
func walks() []walk {
	return []walk{
		{document: "README.md", begins: "KEY=sk-…", want: []string{`"valid":true`, `"remain_quota":625`}},
		{document: "README.md", begins: "build/tokenctl login", want: []string{"You are logged in", "Key: ", "production", "would be imported"}},
		{document: "docs/api.md", begins: "curl -X POST", want: []string{`"name":"production-app"`, `"remain_quota":101625`}, before: "AT=$(cat .local/access-token)"},
		{document: "docs/data-plane.md", begins: "URL=", want: []string{`"valid":true`, `"held":2000`, `"charged":1234`}},
		{document: "docs/migrate.md", begins: `curl -sS -X POST "$LATCHKEY_URL/api/token/verify"`, want: []string{`"valid":true`}, before: "LATCHKEY_URL=http://127.0.0.1:3000 OLD_KEY=sk-…"},
		{document: "docs/import.md", begins: "tokenctl token import", want: []string{"2 of 2 tokens", "2 tokens imported"}},
		{document: "docs/prices.md", begins: "tokenctl prices set", want: []string{"Revision 1", `"gpt-4o-mini"`, "is prices.json"}, before: "export TABLE_NAME=<TableName>"},
		{document: "docs/prices.md", begins: "tokenctl user limit", want: []string{"vip"}, before: "tokenctl user create alice"},
		{document: "docs/prices.md", begins: "sha256sum", want: []string{"models.gpt-5", "Revision 2"}, answer: "y\n"},
		{document: "docs/gateway.md", begins: "curl ", want: []string{`"choices"`}},
		{document: "docs/leaked-keys.md", begins: "$ curl -X POST", want: []string{`{"success":true,"message":"","data":null}`}},
	}
}

// isRun reports whether TestReader runs a block.
func isRun(b block) bool {
	if b.document == "README.md" && strings.HasPrefix(b.Begins(), "make run") || strings.HasPrefix(b.Begins(), "make tokenctl") {
		return true // it starts the server, or the proxy
	}
	for _, w := range walks() {
		if w.document == b.document && strings.HasPrefix(b.Begins(), w.begins) {
			return true
		}
	}
	return false
}

// TestReader does what README.md says in a copy of the project without anything
// built: `make run`, and then the commands of README.md and of docs/, one after
// another, on that server. The only differences are the ports and the model API.
func TestReader(t *testing.T) {
	if testing.Short() {
		t.Skip("it installs npm packages and builds tokenctl")
	}
	t.Parallel()
	r := newReader(t)
	for _, w := range walks() {
		if !t.Run(w.document+"/"+w.begins, func(t *testing.T) { r.walk(t, w) }) {
			return // later commands need what earlier ones have done
		}
	}
}

// A reader has a copy of the project, with a server that runs in it, and a terminal.
type reader struct {
	shell           document.Shell
	server, gateway *tokenctltest.Server
	upstream        *modelstest.Upstream // the model API
	key             string               // of a token that was created in the console
}

func newReader(t *testing.T) *reader {
	t.Helper()
	folder, home := copyProject(t), t.TempDir()
	r := &reader{upstream: modelstest.New()}
	t.Cleanup(r.upstream.Close)
	environment := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return regexp.MustCompile("^(AWS|LATCHKEY|DYNAMODB|TABLE|MAKE)").MatchString(variable)
	})
	environment = append(environment, "XDG_CONFIG_HOME="+home, // for the saved login; npm and go find theirs in HOME
		"PATH="+filepath.Join(folder, "build")+":"+os.Getenv("PATH"), "AWS_EC2_METADATA_DISABLED=true", "PORT=0")
	r.shell = document.Shell{Folder: folder, Home: home, Environment: environment}
	r.server = r.start(t, blockOf(t, "README.md", "make run").Commands()[0].Text)
	r.prepare(t)
	r.gateway = r.start(t, r.textOf(blockOf(t, "docs/gateway.md", "make tokenctl")))
	return r
}

// start starts a server and waits until it is ready. At the end of the test it gets
// Ctrl-C, as in a terminal, together with the shell that waits for it.
func (r *reader) start(t *testing.T, text string) *tokenctltest.Server {
	t.Helper()
	cmd := r.shell.Command(context.Background(), text) // its context ends before the cleanup
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 10 * time.Second
	s := tokenctltest.Start(t, cmd)
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
		s.Exit(t)
	})
	return s
}

// copyProject copies the files of the project that git knows or would add to a new
// folder. The folder is no repository, and nothing in it is built.
func copyProject(t *testing.T) string {
	t.Helper()
	root, folder := dynamotest.Root(t), t.TempDir()
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	list.Dir = root
	names, err := list.Output()
	if err != nil {
		t.Fatalf("list the files of the project: %v", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, name)) //nolint:gosec // a file of this project
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was deleted, and the deletion is not committed
		}
		info, statErr := os.Stat(filepath.Join(root, name))
		target := filepath.Join(folder, name)
		if err := errors.Join(err, statErr, os.MkdirAll(filepath.Dir(target), 0o750)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, content, info.Mode().Perm()); err != nil { //nolint:gosec // in a folder of this test
			t.Fatal(err)
		}
	}
	return folder
}

// walk runs a block and checks what it prints.
func (r *reader) walk(t *testing.T, w walk) {
	t.Helper()
	b := blockOf(t, w.document, w.begins)
	output, err := runInTerminal(r.shell.Command(t.Context(), r.fill(w.before)+"\n"+r.textOf(b)), w.answer)
	if err != nil {
		t.Fatalf("%s:%d: %v\n%s\nprinted\n%s", w.document, b.Line, err, b.Text, credential.Redact(output))
	}
	for _, want := range w.want {
		if !strings.Contains(output, want) {
			t.Errorf("%s:%d: got\n%s\nwant %s in it, after\n%s", w.document, b.Line, credential.Redact(output), want, b.Text)
		}
	}
}

// textOf returns the commands of a block as the reader types them.
func (r *reader) textOf(b block) string {
	var text strings.Builder
	for _, c := range b.Commands() {
		text.WriteString(r.fill(c.Text) + "\n")
	}
	return text.String()
}

// runInTerminal runs a command in a terminal in which somebody types a text.
func runInTerminal(cmd *exec.Cmd, typed string) (string, error) {
	terminal, err := pty.Start(cmd)
	if err != nil {
		return "", err
	}
	defer terminal.Close() //nolint:errcheck // it was only read
	if _, err := io.WriteString(terminal, typed); err != nil {
		return "", err
	}
	var output bytes.Buffer
	_, _ = io.Copy(&output, terminal) // fails when the command ends
	return output.String(), cmd.Wait()
}
