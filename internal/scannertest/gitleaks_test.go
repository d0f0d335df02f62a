//go:build clients

package scannertest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
)

// run runs a program, with stdin, and returns its stdout.
func run(t *testing.T, stdin, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...) //nolint:gosec // a program of this test
	var out, failure bytes.Buffer
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, strings.NewReader(stdin), &out, &failure
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v: %s", filepath.Base(name), err, credential.Redact(failure.String()))
	}
	return out.String()
}

// forms returns texts with a secret, as they are in files.
func forms(secret string) map[string]string {
	encoded := base64.StdEncoding.EncodeToString([]byte("Authorization: Bearer " + secret + "\n"))
	return map[string]string{
		"alone.txt":     secret,
		"line.txt":      "before\n" + secret + "\nafter\n",
		"dot.env":       "PORT=80\nOPENAI_API_KEY=" + secret + "\n",
		"quoted.py":     "client = OpenAI(api_key='" + secret + "', base_url=url)\n",
		"config.json":   `{"model":"o3","key":"` + secret + `"}`,
		"config.yaml":   "env:\n- name: KEY\n  value: " + secret + " # for tests\n",
		"history.sh":    "curl https://api.example.com/v1/models -H 'Authorization: Bearer " + secret + "'\n",
		"url.txt":       "https://api.example.com/?key=" + secret + "&p=1\n",
		"percent.txt":   "q=Bearer%20" + secret + "%0A\n",
		"escaped.jsonl": `{"log":"401 for\n` + secret + `\n"}`,
		"table.md":      "| user | key |\n|---|---|\n| alice | `" + secret + "` |\n",
		"variable.go":   "const key_" + secret + "_old = 1\n",
		"secret.yaml":   "apiVersion: v1\nkind: Secret\ndata:\n  header: " + encoded + "\n",
		"windows.ini":   "[api]\r\nkey=" + secret + "\r\n",
		"list.csv":      "1,app," + secret + ",enabled\n",
	}
}

// gitleaks with docs/gitleaks.toml reports each key and each access token in many
// forms, under its own rule, and nothing else.
func TestGitleaks(t *testing.T) {
	binary, corpus, report := filepath.Join(t.TempDir(), "gitleaks"), t.TempDir(), filepath.Join(t.TempDir(), "found.json")
	run(t, "", "gitleaks", "go", "build", "-o", binary, "github.com/zricethezav/gitleaks/v8")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(corpus, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	for name := range forms("") {
		for i := range int64(3) {
			key, accessToken := credential.NewKey(1+i, 1<<(16*i)).Reveal(), credential.NewAccessToken(1+i, int(i)).Reveal()
			write(fmt.Sprintf("key-%d-%s", i, name), forms(key)[name])
			write(fmt.Sprintf("access-%d-%s", i, name), forms(accessToken)[name])
			want = append(want, "latchkey-key "+credential.NewSecret(key).Mask(), "latchkey-access-token "+credential.NewSecret(accessToken).Mask())
		}
	}
	for i, text := range resemblances(credential.NewKey(1, 1).Reveal(), credential.NewAccessToken(1, 0).Reveal()) {
		for name, form := range forms(text) {
			write(fmt.Sprintf("other-%d-%s", i, name), form)
		}
	}
	write("placeholder.txt", "sk-gO"+strings.Repeat("x", 52)+"\nsk-gP"+strings.Repeat("01234567", 6)+"0123\nat-0R"+strings.Repeat("X", 46)+"\n")

	run(t, "", corpus, binary, "dir", ".", "--config", filepath.Join(dynamotest.Root(t), "docs/gitleaks.toml"), "--no-banner", "--exit-code", "0", "--report-format", "json", "--report-path", report)
	content, err := os.ReadFile(report) //nolint:gosec // a file of this test
	if err != nil {
		t.Fatal(err)
	}
	var findings []struct{ RuleID, Secret, File string }
	if err := json.Unmarshal(content, &findings); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range findings {
		got = append(got, f.RuleID+" "+credential.NewSecret(f.Secret).Mask())
	}
	slices.Sort(want)
	slices.Sort(got)
	// gitleaks also decodes texts and then names a secret once more.
	if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// The program in docs/leaked-keys.md says the same about a text as the code.
func TestPythonOfDocument(t *testing.T) {
	_, after, _ := strings.Cut(document(t, "leaked-keys.md"), "```python\n")
	program, _, complete := strings.Cut(after, "```")
	if !complete {
		t.Fatal("docs/leaked-keys.md has no program in Python")
	}
	var texts, want []string
	add := func(text, answer string) { texts, want = append(texts, text), append(want, answer) }
	for i := range int64(200) {
		key, accessToken := credential.NewKey(i+1, 1<<40+i).Reveal(), credential.NewAccessToken(1<<39+i, int(i)).Reveal()
		add(key, "True")
		add(accessToken, "True")
		for _, other := range append(resemblances(key, accessToken), key[:30]+"_"+key[31:], key[:56]+"-", "sk-"+strings.Repeat("Z", 54), accessToken[:40]+"00000000000"[:11]) {
			add(other, "False")
		}
	}
	got := strings.Fields(run(t, strings.Join(texts, "\n")+"\n", "", os.Getenv("PYTHON"), "-c", program))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", credential.Redact(diff))
	}
}
