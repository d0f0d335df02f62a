//go:build sam

package samtest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// TestInvoke checks that sam local invoke returns the same answer to each
// function's event as the binary without sam, whose answers are the golden files
// of shared/boot.
func TestInvoke(t *testing.T) {
	p, root := newProject(t), dynamotest.Root(t)
	for _, f := range api.Functions() {
		t.Run(f.Name, func(t *testing.T) {
			want := parse(t, read(t, filepath.Join(root, "shared/boot/testdata", f.Name+".golden.json")))
			var credentials []string
			var said bytes.Buffer
			var out []byte
			// SAM reads the answer from the container's log, and sometimes misses it.
			for attempt := 0; attempt < 3 && len(bytes.TrimSpace(out)) == 0; attempt++ {
				said.Reset()
				credentials = p.user(t, fmt.Sprint("user-", attempt, "-of-", f.Name))
				event := strings.NewReplacer(credentials...).Replace(string(read(t, filepath.Join(root, "events", f.Name+".json"))))
				cmd := p.sam("invoke", f.Name, "--event", "-")
				cmd.Stdin, cmd.Stderr = strings.NewReader(event), &said
				var err error
				if out, err = cmd.Output(); err != nil {
					t.Fatalf("got error %v, want an answer:\n%s", err, said.Bytes())
				}
			}
			if got := parse(t, out); got != want {
				t.Errorf("got %+v, want %+v:\n%s\n%s", got, want, out, said.Bytes())
			}
			for i := 1; i < len(credentials); i += 2 {
				if strings.Contains(string(out)+said.String(), credentials[i]) {
					t.Errorf("the output contains the credential for %s", credentials[i-1])
				}
			}
		})
	}
}

// user creates a user with the tokens 1 to 4 and a hold on token 1 with the
// request ID chat-1-v7Kq3zYwXb5TnR2dLmPs. It returns pairs of a placeholder in the events and the
// credential that replaces it.
func (p *project) user(t *testing.T, name string) []string {
	t.Helper()
	accounts := token.UserService{Store: p.Store, Now: time.Now}
	_, at, err := accounts.Create(t.Context(), name, token.RoleUser, 0)
	if err != nil {
		t.Fatal(err)
	}
	service := token.Service{Store: p.Store, Now: time.Now}
	credentials := []string{"at-ACCESS-TOKEN", at.Reveal()}
	for id := 1; id <= 4; id++ { // the event of purge says that the last was removed
		made, err := service.Create(t.Context(), at, []token.Settings{{Name: new("a"), RemainQuota: new(int64(1000))}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		credentials = append(credentials, fmt.Sprint("sk-KEY-OF-TOKEN-", id), made[0].Key.Reveal())
	}
	holder, hold := credentials[3], quota.Question{RequestID: "chat-1-v7Kq3zYwXb5TnR2dLmPs", Quota: 300}
	made, err := gate.New(dynamo.New(p.Client, dynamotest.Table)).Reserve(t.Context(), holder, hold, gate.MaxTTL)
	if err != nil || !made.Valid() {
		t.Fatalf("got %q, %v, want a hold", made.Refusal, err)
	}
	return credentials
}

// An answer is the answer of any function: status of the API, decision of the
// authorizer, or failed records of purge.
type answer struct {
	StatusCode        int  `json:"statusCode"`
	IsAuthorized      bool `json:"isAuthorized"`
	BatchItemFailures text `json:"batchItemFailures"`
}

// A text is unparsed JSON, which can be compared.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(written []byte) error {
	*t = text(written)
	return nil
}

func parse(t *testing.T, written []byte) (a answer) {
	t.Helper()
	if err := json.Unmarshal(written, &a); err != nil || a == (answer{}) {
		t.Fatalf("got %s (%v), want an answer", written, err)
	}
	return a
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file) //nolint:gosec // a file of the project
	if err != nil {
		t.Fatal(err)
	}
	return content
}
