//go:build deploy

package deploytest_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
)

// A finding is one of tokenctl doctor.
type finding struct{ Check, State, Text, Command string }

// doctor runs tokenctl doctor on prod and returns its findings by check.
func (r *rehearsal) doctor(t *testing.T, wantOK bool) map[string]finding {
	t.Helper()
	output, ok := r.tokenctl(t, []string{"DYNAMODB_ENDPOINT=" + r.endpoint}, "doctor", "--stage", "prod", "--json")
	var report struct{ Findings []finding }
	if err := json.Unmarshal([]byte(output), &report); err != nil || ok != wantOK {
		t.Fatalf("doctor: got %t and %s, want %t", ok, output, wantOK)
	}
	found := map[string]finding{}
	for _, f := range report.Findings {
		found[f.Check] = f
	}
	return found
}

// sh runs a command as an operator does, with aws and tokenctl in the PATH.
func (r *rehearsal) sh(t *testing.T, command string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", command) //nolint:gosec // a command of the test or of doctor
	path := filepath.Join(r.root, ".tools/ministack/bin") + ":" + r.home + ":" + os.Getenv("PATH")
	cmd.Env = append(r.environment(), "DYNAMODB_ENDPOINT="+r.endpoint, "PATH="+path)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, text)
	}
}

// checkDoctor checks what tokenctl doctor finds after the deployment of prod, that
// its commands mend that, and that it finds what is broken afterwards.
func checkDoctor(t *testing.T, r *rehearsal, deployed account, wanted template) {
	made := deployed.Stacks[prod]
	found := r.doctor(t, false)
	wantStates(t, found, map[string]string{
		"stack": "ok", "alarm subscriptions": "problem", "functions": "ok", "concurrency": "warning", "purge reads the stream": "ok",
		"purge is not behind": "ok", "history reads the stream": "ok", "history is not behind": "ok", "purge counts everything": "ok", "webhooks are delivered": "ok", "time to live": "problem", "stream": "ok", "backups": "problem",
		"deletion protection": "ok", "counts": "ok", "keys without limit or expiry": "ok", "idle keys": "ok", "leaked keys": "ok", "failing webhooks": "ok",
	})
	r.mend(t, found, "alarm subscriptions", "time to live", "backups")

	table := made.Resources[tableOf(t, wanted)]
	queue := made.Resources[queueOf(t, wanted, "purgeUncounted")]
	body, err := json.Marshal(map[string]any{"DDBStreamBatchInfo": stream.Span{Stream: deployed.Tables[table].LatestStreamARN, Shard: "shardId-gone", First: "1", Last: "2"}})
	if err != nil {
		t.Fatal(err)
	}
	r.sh(t, "aws lambda update-event-source-mapping --no-enabled --uuid "+made.Resources[mappingOf(t, wanted, api.Purge)])
	r.sh(t, "aws dynamodb update-table --no-deletion-protection-enabled --table-name "+table)
	// aws would send it to the host of the URL.
	if _, err := r.sqs().SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: aws.String(string(body))}); err != nil {
		t.Fatal(err)
	}
	found = r.doctor(t, false)
	if got, want := found["purge counts everything"], "tokenctl purge finish --stage prod"; got.State != "problem" || got.Command != want {
		t.Errorf("got %+v, want a problem and the command %s", got, want)
	}
	// It reads the stream, for which moto answers 500. The real engine says that the
	// stream is gone.
	engine := dynamotest.New(t)
	if err := dynamo.CreateTable(t.Context(), engine.Client, table); err != nil {
		t.Fatal(err)
	}
	r.sh(t, "DYNAMODB_ENDPOINT="+engine.Endpoint+" "+found["purge counts everything"].Command)
	r.mend(t, r.doctor(t, false), "purge reads the stream", "deletion protection")
}

// mend checks that exactly these checks have found a problem, runs the commands of
// doctor, and checks that the problems are gone.
func (r *rehearsal) mend(t *testing.T, before map[string]finding, checks ...string) {
	t.Helper()
	want := map[string]string{}
	for check, f := range before {
		want[check] = f.State
	}
	problems := 0
	for _, f := range before {
		if f.State == "problem" {
			problems++
		}
	}
	if problems != len(checks) {
		t.Errorf("got %d problems in %v, want %d", problems, before, len(checks))
	}
	for _, check := range checks {
		if before[check].State != "problem" || before[check].Command == "" {
			t.Fatalf("%s: got %+v, want a problem with a command", check, before[check])
		}
		r.sh(t, strings.Replace(before[check].Command, "YOUR-ADDRESS", "pager@example.com", 1))
		want[check] = "ok"
	}
	wantStates(t, r.doctor(t, true), want)
}

func wantStates(t *testing.T, got map[string]finding, want map[string]string) {
	t.Helper()
	for check, state := range want {
		if got[check].State != state {
			t.Errorf("%s: got %+v, want %s", check, got[check], state)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got findings of %d checks, want %d: %+v", len(got), len(want), got)
	}
}
