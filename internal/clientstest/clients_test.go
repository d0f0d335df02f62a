//go:build clients

package clientstest_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestClients runs the cases of each client. The client must get the same
// bytes as from a direct call, and the key is charged what the upstream
// reported; check_test.go says what applies to answers that don't end.
func TestClients(t *testing.T) {
	python, node := env(t, "PYTHON"), "node"
	for _, c := range []struct {
		name, program, driver string
		cases                 int
		priced                bool
		flags                 []string // of the proxy
	}{
		{name: "openai_for_Python", program: python, driver: "openai_python.py", cases: 64},
		{name: "openai_for_Node", program: node, driver: "openai_node.mjs", cases: 31},
		{name: "langchain-openai", program: python, driver: "langchain_openai_python.py", cases: 21},
		{name: "litellm", program: python, driver: "litellm_python.py", cases: 24},
		{name: "litellm_with_anthropic", program: python, driver: "litellm_anthropic_python.py", cases: 9, priced: true, flags: []string{"--upstream-auth", "x-api-key"}},
		{name: "anthropic_for_Python", program: python, driver: "anthropic_python.py", cases: 28, priced: true, flags: []string{"--upstream-auth", "x-api-key"}},
		{name: "google-genai_for_Python", program: python, driver: "google_genai_python.py", cases: 22, priced: true, flags: []string{"--upstream-auth", "x-goog-api-key"}},
		{name: "AI_SDK", program: node, driver: "ai_sdk.mjs", cases: 21, priced: true},
	} {
		b := newBench(t, c.priced, c.flags...)
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b.drive(t, c.cases, c.program, "drivers/"+c.driver)
		})
	}
}

// TestOverspend runs make bench-overspend.
func TestOverspend(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "run", "./overspend").CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "\noverspent: 0\nstill held: 0\ndelivered and not charged: 0\n") {
		t.Errorf("%v, and the output is\n%s", err, out)
	}
}
