//go:build clients

package clientstest

import "testing"

// TestClients runs the cases of each client. A case is equal to a direct call,
// byte for byte, and is charged what the upstream reported.
func TestClients(t *testing.T) {
	python, node := env(t, "PYTHON"), "node"
	for _, c := range []struct {
		name    string
		cases   int
		priced  bool
		program string
		driver  string
		flags   []string
	}{
		{"openai for Python", 59, false, python, "openai_python.py", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			newBench(t, c.priced, c.flags...).drive(t, c.cases, c.program, "drivers/"+c.driver)
		})
	}
	_ = node
}
