//go:build stack

package stacktest_test

import (
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/internal/document"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
)

const (
	region     = "eu-central-1" // of the document
	stagesName = "stages.json"  // in the home folder, in place of infra/stages.json
)

// An operator follows a document with an account on MiniStack that is empty at
// first, and a home folder with the profile that the document uses.
type operator struct {
	document    string // that it follows
	root, home  string
	endpoint    string // of MiniStack
	proxy       string // which finds the hosts of API Gateway
	environment []string
	shell       document.Shell
	values      map[string]string // by placeholder
	log         *capture.Output   // of MiniStack
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	address := freeAddress(t)
	o := &operator{
		root: dynamotest.Root(t), home: t.TempDir(), endpoint: "http://" + address, proxy: startProxy(t, address),
		values: map[string]string{"NAME": "alice"}, log: new(capture.Output),
	}
	o.environment = o.environ(t)
	o.shell = document.Shell{Folder: o.root, Environment: o.environment, Home: o.home}
	o.write(t, ".aws/config", "[profile me]\nregion = "+region+"\naws_access_key_id = test\naws_secret_access_key = test\n")
	o.write(t, stagesName, "{}")
	o.copyFunctions(t)
	o.startMiniStack(t, address)
	return o
}

// environ returns the environment of this process without the settings of a real
// account, and with those of MiniStack.
func (o *operator) environ(t *testing.T) []string {
	t.Helper()
	inherited := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return regexp.MustCompile(`(?i)^(AWS_|CDK_|STAGE=|HOME=|TMPDIR=|TABLE_NAME=|DYNAMODB_ENDPOINT=|ACCESS_TOKEN=|https?_proxy=|no_proxy=|all_proxy=|MAKE)`).MatchString(variable)
	})
	caches, err := exec.CommandContext(t.Context(), "go", "env", "GOPATH", "GOCACHE", "GOMODCACHE").Output()
	if err != nil {
		t.Fatalf("go env: %v", err)
	}
	paths := strings.Split(string(caches), "\n")
	user, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return append(
		inherited, "HOME="+o.home, "TMPDIR="+o.home, "PATH="+filepath.Join(o.root, ".tools/ministack/bin")+":"+os.Getenv("PATH"),
		"GOPATH="+paths[0], "GOCACHE="+paths[1], "GOMODCACHE="+paths[2], "JSII_RUNTIME_PACKAGE_CACHE_ROOT="+filepath.Join(user, "aws/jsii/package-cache"),
		"AWS_ENDPOINT_URL="+o.endpoint, "DYNAMODB_ENDPOINT="+o.endpoint, "AWS_EC2_METADATA_DISABLED=true",
		"UPSTREAM_API_KEY=upstream-key",
		"HTTP_PROXY="+o.proxy, "http_proxy="+o.proxy, "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1",
		// The answers of the operator to the questions of cdk.
		"CDK_REQUIRE_APPROVAL=never", "CDK_YES=true",
		"CDK_DISABLE_VERSION_CHECK=true", "CDK_DISABLE_CLI_TELEMETRY=true", "CI=true",
		// Nothing to build, see copyFunctions, and settings of the test's own.
		"MAKEFLAGS=--no-print-directory -- FUNCTIONS= STAGES="+o.stagesFile(),
	)
}

// copyFunctions builds the functions for this machine, where make test-sam finds
// them, too, and leads cdk to a copy of them by a setting in the home folder.
func (o *operator) copyFunctions(t *testing.T) {
	t.Helper()
	built := os.DirFS(lambdatest.Build(t, o.root, runtime.GOARCH, "./functions/..."))
	names, err := fs.Glob(built, "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		binary, err := fs.ReadFile(built, name)
		if err != nil {
			t.Fatal(err)
		}
		o.write(t, o.bootstrap(name), string(binary))
	}
	o.write(t, ".cdk.json", fmt.Sprintf(`{"context":{"build":%q}}`, filepath.Join(o.home, "functions")))
}

func (o *operator) stagesFile() string { return filepath.Join(o.home, stagesName) }

// bootstrap returns the file of a function in the home folder.
func (o *operator) bootstrap(function string) string {
	return filepath.Join("functions", function, "bootstrap")
}

// write writes a file in the home folder.
func (o *operator) write(t *testing.T, name, content string) {
	t.Helper()
	file := filepath.Join(o.home, name)
	err := os.MkdirAll(filepath.Dir(file), 0o750)
	if err == nil {
		err = os.WriteFile(file, []byte(content), 0o700) //nolint:gosec // some are programs
	}
	if err != nil {
		t.Fatal(err)
	}
}

// startMiniStack runs MiniStack, and the functions that it starts, until the test
// ends.
func (o *operator) startMiniStack(t *testing.T, address string) {
	t.Helper()
	const readyWithin, pause = 2 * time.Minute, 50 * time.Millisecond
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(o.root, ".tools/ministack/bin/python"), "server.py") //nolint:noctx,gosec // a file of the project; closing its input ends it
	cmd.Env = append(slices.Clone(o.environment), "GATEWAY_PORT="+port, "BIND_HOST=127.0.0.1", "MINISTACK_REGION="+region)
	cmd.Stdout, cmd.Stderr = o.log, o.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("start MiniStack: %v; `make test-stack` installs it", err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed on purpose
		close(exited)
	}()
	t.Cleanup(func() {
		_ = input.Close()
		<-exited
	})
	for deadline := time.Now().Add(readyWithin); ; {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-exited:
			t.Fatalf("MiniStack ended before it was ready:\n%s", o.log.Tail())
		case <-time.After(pause):
		}
		if time.Now().After(deadline) {
			t.Fatalf("MiniStack is not ready after %v:\n%s", readyWithin, o.log.Tail())
		}
	}
}

// startProxy starts a proxy that passes every request on to the address, with
// its Host, and returns its URL.
func startProxy(t *testing.T, address string) string {
	t.Helper()
	server := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", address, r.In.Host
		r.Out.URL.RawQuery = r.In.URL.RawQuery // also where it is malformed
		r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
	}, Transport: &http.Transport{}}) // without a proxy
	t.Cleanup(server.Close)
	return server.URL
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // only its address is needed
	return l.Addr().String()
}
