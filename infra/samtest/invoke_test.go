//go:build sam

package samtest_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/dynamo/dynamotest"
	"github.com/latchkey-api/latchkey/shared/token"
)

// TestInvokeAnswersEachFunctionsEvent compares with the status that the same
// event gets from the binary itself, in the golden files of shared/boot.
func TestInvokeAnswersEachFunctionsEvent(t *testing.T) {
	p, root := newProject(t), dynamotest.Root(t)
	for _, f := range api.Functions() {
		t.Run(f.Name, func(t *testing.T) {
			at := p.user(t, "user-of-"+f.Name)
			event := bytes.ReplaceAll(read(t, filepath.Join(root, "events", f.Name+".json")), []byte("at-ACCESS-TOKEN"), []byte(at.Reveal()))
			want := parse(t, read(t, filepath.Join(root, "shared/boot/testdata", f.Name+".golden.json")))

			var said bytes.Buffer
			cmd := p.sam("invoke", f.Name, "--event", "-")
			cmd.Stdin, cmd.Stderr = bytes.NewReader(event), &said
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("got error %v, want an answer:\n%s", err, said.Bytes())
			}
			if got := parse(t, out); got.StatusCode != want.StatusCode {
				t.Errorf("got %d, want %d:\n%s\n%s", got.StatusCode, want.StatusCode, out, said.Bytes())
			}
			for _, stream := range []string{string(out), said.String()} {
				if strings.Contains(stream, at.Reveal()) {
					t.Error("the access token is in the output")
				}
			}
		})
	}
}

// user makes a user with the tokens 1 and 2, and returns the access token.
func (p *project) user(t *testing.T, name string) token.AccessToken {
	t.Helper()
	accounts := token.Accounts{Store: p.Store, Now: time.Now}
	_, at, err := accounts.Create(t.Context(), name, token.RoleUser, 0)
	if err != nil {
		t.Fatal(err)
	}
	service := token.Service{Store: p.Store, Now: time.Now}
	for range 2 {
		if _, _, err := service.Create(t.Context(), at, token.Update{Name: new("a")}); err != nil {
			t.Fatal(err)
		}
	}
	return at
}

type answer struct {
	StatusCode int `json:"statusCode"`
}

func parse(t *testing.T, text []byte) (a answer) {
	t.Helper()
	if err := json.Unmarshal(text, &a); err != nil || a.StatusCode == 0 {
		t.Fatalf("got %s (%v), want an answer with a status", text, err)
	}
	return a
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file) //nolint:gosec // the project's own
	if err != nil {
		t.Fatal(err)
	}
	return content
}
