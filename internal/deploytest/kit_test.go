//go:build deploy

package deploytest_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// A rehearsal is a project with a moto server to deploy it to.
type rehearsal struct {
	root, endpoint string
	assembly       string // the folder that cdk synthesizes to
	home           string // cdk's own
	log            *log
}

func newRehearsal(t *testing.T) *rehearsal {
	t.Helper()
	r := &rehearsal{root: dynamotest.Root(t), assembly: t.TempDir(), home: t.TempDir(), log: new(log)}
	server := exec.Command(r.python(), "server.py", "-p", "0") //nolint:noctx,gosec // our own; the end of its input stops it
	input, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatalf("start moto (%v): is it installed? `make test-deploy` does that", err)
	}
	read := make(chan struct{})
	t.Cleanup(func() {
		_ = input.Close()
		<-read
		_ = server.Wait() // it has been ended
	})
	ready := make(chan string, 1)
	go func() {
		r.log.read(output, ready)
		close(read)
	}()
	select {
	case r.endpoint = <-ready:
	case <-read:
		t.Fatalf("moto ended at once: %s", r.log)
	}
	return r
}

func (r *rehearsal) python() string { return filepath.Join(r.root, ".tools/moto/bin/python") }

// cdk runs the real command and returns what it prints, and whether it
// succeeded.
func (r *rehearsal) cdk(t *testing.T, args ...string) (output string, ok bool) {
	t.Helper()
	args = append(args, "--no-notices")
	cmd := exec.CommandContext(t.Context(), filepath.Join(r.root, os.Getenv("CDK")), args...) //nolint:gosec // our own
	cmd.Dir, cmd.Env = filepath.Join(r.root, "infra"), r.environment()
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run cdk (%v): is it installed? `make test-deploy` does that", err)
	}
	return string(text), err == nil
}

func (r *rehearsal) mustCDK(t *testing.T, args ...string) {
	t.Helper()
	if output, ok := r.cdk(t, args...); !ok {
		t.Fatalf("cdk %s failed:\n%s\nmoto said:\n%s", strings.Join(args, " "), output, r.log)
	}
}

// environment is this process's, but leads nowhere but to moto: a user's own
// account and settings have no part in it.
func (r *rehearsal) environment() []string {
	inherited := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return regexp.MustCompile(`^(AWS_|CDK_|STAGE=|ALARM_EMAILS=)`).MatchString(variable)
	})
	return append(
		inherited, "AWS_ENDPOINT_URL="+r.endpoint, "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1",
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_REGION="+region, "AWS_DEFAULT_REGION="+region,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"CDK_HOME="+r.home, "CDK_DISABLE_VERSION_CHECK=true", "CDK_DISABLE_CLI_TELEMETRY=true", "CI=true",
	)
}

// look asks moto what is in the account.
func (r *rehearsal) look(t *testing.T) (found account) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), r.python(), "look.py") //nolint:gosec // our own
	cmd.Env = r.environment()
	text, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("look.py: %v\n%s\nmoto said:\n%s", err, exit.Stderr, r.log)
	}
	if err == nil {
		err = json.Unmarshal(text, &found)
	}
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// templates are the synthesized ones by stack.
func (r *rehearsal) templates(t *testing.T) map[string]template {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(r.assembly, "*.template.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got no templates (%v), want one for each stage", err)
	}
	all := map[string]template{}
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // cdk has just written it
		if err != nil {
			t.Fatal(err)
		}
		var parsed template
		if err := json.Unmarshal(text, &parsed); err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".template.json")] = parsed
	}
	return all
}

// A log is what moto says.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

// read copies what moto says into the log, and tells its address once.
func (l *log) read(from io.Reader, ready chan<- string) {
	address := regexp.MustCompile(`Running on (http://\S+)`)
	for lines := bufio.NewScanner(from); lines.Scan(); {
		l.mu.Lock()
		l.text.WriteString(lines.Text() + "\n")
		l.mu.Unlock()
		if found := address.FindStringSubmatch(lines.Text()); found != nil {
			ready <- found[1]
		}
	}
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
