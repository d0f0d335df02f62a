//go:build deploy

package deploytest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/infra/eventsource"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
)

// checkFunctions checks the settings and the code of every function.
func checkFunctions(t *testing.T, deployed account, root string, made stack, wanted template) {
	for _, f := range api.Functions() {
		got, ok := functionOf(deployed, made, wanted, f.Name)
		if !ok {
			t.Errorf("%s: not deployed", f.Name)
			continue
		}
		timeout := 8
		for _, source := range eventsource.Sources() {
			if f.Name == source.Function {
				timeout = int(source.Timeout.Seconds())
			}
		}
		if f.Name == api.Deliver {
			timeout = int(eventsource.WebhooksTimeout.Seconds())
		}
		if got.Runtime != "provided.al2023" || got.Handler != "bootstrap" || got.MemorySize != 512 || got.Timeout != timeout {
			t.Errorf("%s: got %+v, want bootstrap on provided.al2023 with 512 MB and %d s", f.Name, got, timeout)
		}
		if got, want := got.Environment.Variables[boot.EnvTable], made.Resources[tableOf(t, wanted)]; got != want {
			t.Errorf("%s: got table %q, want %q", f.Name, got, want)
		}
		built, err := os.ReadFile(filepath.Join(root, "build", f.Name, "bootstrap")) //nolint:gosec // a file of the project
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(built)
		if got, want := deployed.Assets[got.CodeSHA256], hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s: got code whose bootstrap has the SHA-256 %q, want that of build/, %q", f.Name, got, want)
		}
		if !reflect.DeepEqual(got.Aliases, map[string]string{"live": "1"}) {
			t.Errorf("%s: got aliases %v, want live at version 1", f.Name, got.Aliases)
		}
	}
	if got, want := len(wanted.ofType("AWS::Lambda::Function")), len(api.Functions()); got != want {
		t.Errorf("got %d functions, want %d", got, want)
	}
}

// checkEventSources compares the functions by the start of their ARN, because moto
// replaces the ARN of an alias by that of the function.
func checkEventSources(t *testing.T, deployed account, made stack, wanted template) {
	for _, declared := range eventsource.Sources() {
		want := source{
			EventSourceARN:                 deployed.Tables[made.Resources[tableOf(t, wanted)]].LatestStreamARN,
			StartingPosition:               eventsource.StartingPosition,
			BatchSize:                      declared.BatchSize,
			MaximumBatchingWindowInSeconds: int(declared.Window.Seconds()),
			MaximumRecordAgeInSeconds:      declared.MaxAgeSeconds,
			MaximumRetryAttempts:           declared.Retries,
			FunctionResponseTypes:          []string{eventsource.Response},
		}
		for _, pattern := range declared.Filters() {
			want.FilterCriteria.Filters = append(want.FilterCriteria.Filters, struct{ Pattern string }{pattern})
		}
		if declared.Function == api.Purge {
			want.DestinationConfig.OnFailure.Destination = queueARN(t, deployed, made, wanted, "purgeUncounted")
		}
		reader, _ := functionOf(deployed, made, wanted, declared.Function)
		var got []source
		for _, s := range deployed.Sources {
			if strings.HasPrefix(s.FunctionARN, reader.ARN) {
				s.FunctionARN = ""
				got = append(got, s)
			}
		}
		if !reflect.DeepEqual(got, []source{want}) {
			t.Errorf("%s: got %+v\nwant %+v", declared.Function, got, want)
		}
	}
}

// queueOf returns the logical ID of the queue that begins with a text.
func queueOf(t *testing.T, wanted template, prefix string) string {
	t.Helper()
	queues := slices.DeleteFunc(wanted.ofType("AWS::SQS::Queue"), func(id string) bool { return !strings.HasPrefix(id, prefix) })
	if len(queues) != 1 {
		t.Fatalf("got the queues %v, want one %s", queues, prefix)
	}
	return queues[0]
}

// queueARN returns the ARN of the queue whose logical ID begins with a text. Its
// physical ID is a URL.
func queueARN(t *testing.T, deployed account, made stack, wanted template, prefix string) string {
	t.Helper()
	url := made.Resources[queueOf(t, wanted, prefix)]
	name := url[strings.LastIndex(url, "/")+1:]
	if !slices.Contains(deployed.Queues, name) {
		t.Errorf("got the queues %v, want %s", deployed.Queues, name)
	}
	return fmt.Sprintf("arn:aws:sqs:%s:%s:%s", region, owner, name)
}

// functionOf finds the function whose code is build/<name>.
func functionOf(deployed account, made stack, wanted template, name string) (function, bool) {
	for _, id := range wanted.ofType("AWS::Lambda::Function") {
		if wanted.Resources[id].Metadata["aws:asset:path"] == "build/"+name {
			f, ok := deployed.Functions[made.Resources[id]]
			return f, ok
		}
	}
	return function{}, false
}

// isOf reports whether a physical ID belongs to a resource in the scope of a
// function. Logical IDs there start with the name of the function.
func isOf(made stack, physical, function string) bool {
	for id, p := range made.Resources {
		if p == physical {
			return strings.HasPrefix(id, function)
		}
	}
	return false
}
