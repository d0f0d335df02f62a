package document

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
)

// A Shell runs commands one after another, as in one terminal: they find the
// variables and functions that earlier ones have set. A command that fails ends the
// text that it is part of.
type Shell struct {
	Folder      string   // in which the commands run
	Environment []string // as in os.Environ
	Home        string   // a folder for the variables and functions
}

// Command prepares the commands of a text. The caller sets what they read, and runs
// it.
func (s *Shell) Command(ctx context.Context, text string) *exec.Cmd {
	const script = `set -euo pipefail
touch "$0"; . "$0"
eval "$1"
{ declare -p | grep -v '^declare -[a-zA-Z]*[rn]'; declare -f; } > "$0"`
	cmd := exec.CommandContext(ctx, "bash", "-c", script, filepath.Join(s.Home, "variables"), text) //nolint:gosec // the document's own commands
	cmd.Dir, cmd.Env = s.Folder, s.Environment
	return cmd
}

// Run runs the commands of a text with stdin, and returns what they have printed.
func (s *Shell) Run(ctx context.Context, text, stdin string) (string, error) {
	cmd := s.Command(ctx, text)
	cmd.Stdin = strings.NewReader(stdin)
	output, err := cmd.CombinedOutput()
	return string(output), err
}
