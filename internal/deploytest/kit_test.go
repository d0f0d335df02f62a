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

// A rehearsal is the project and a moto server to which it is deployed.
type rehearsal struct {
	root, endpoint string
	assembly       string // the folder into which cdk synthesizes
	home           string // the home folder of cdk
	log            *log
}

func newRehearsal(t *testing.T) *rehearsal {
	t.Helper()
	r := &rehearsal{root: dynamotest.Root(t), assembly: t.TempDir(), home: t.TempDir(), log: new(log)}
	server := exec.Command(r.python(), "server.py", "-p", "0") //nolint:noctx,gosec // a file of the project; closing its input stops it
	input, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatalf("start moto: %v; `make test-deploy` installs it", err)
	}
	read := make(chan struct{})
	t.Cleanup(func() {
		_ = input.Close()
		<-read
		_ = server.Wait() // how it ended does not matter
	})
	ready := make(chan string, 1)
	go func() {
		r.log.read(output, ready)
		close(read)
	}()
	select {
	case r.endpoint = <-ready:
	case <-read:
		t.Fatalf("moto ended before it was ready: %s", r.log)
	}
	return r
}

func (r *rehearsal) python() string { return filepath.Join(r.root, ".tools/moto/bin/python") }

// cdk runs the real command and returns its output and whether it succeeded.
func (r *rehearsal) cdk(t *testing.T, args ...string) (output string, ok bool) {
	t.Helper()
	args = append(args, "--no-notices")
	cmd := exec.CommandContext(t.Context(), filepath.Join(r.root, os.Getenv("CDK")), args...) //nolint:gosec // a path below the project
	cmd.Dir, cmd.Env = filepath.Join(r.root, "infra"), r.environment()
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run cdk: %v; `make test-deploy` installs it", err)
	}
	return string(text), err == nil
}

func (r *rehearsal) mustCDK(t *testing.T, args ...string) {
	t.Helper()
	if output, ok := r.cdk(t, args...); !ok {
		t.Fatalf("cdk %s failed:\n%s\noutput of moto:\n%s", strings.Join(args, " "), output, r.log)
	}
}

// environment returns the environment of this process without the settings for
// an AWS account of the user, and with those for moto.
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

// account returns what the account contains.
func (r *rehearsal) account(t *testing.T) (found account) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), r.python(), "describe_account.py") //nolint:gosec // a file of the project
	cmd.Env = r.environment()
	text, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("describe_account.py: %v\n%s\noutput of moto:\n%s", err, exit.Stderr, r.log)
	}
	if err == nil {
		err = json.Unmarshal(text, &found)
	}
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// templates returns the synthesized templates by stack.
func (r *rehearsal) templates(t *testing.T) map[string]template {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(r.assembly, "*.template.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got no templates (%v), want one for each stage", err)
	}
	all := map[string]template{}
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // cdk wrote it
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

// A log is the output of moto.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

// read copies the output of moto into the log, and sends its address to ready.
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
