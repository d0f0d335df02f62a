package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/latchkey-api/latchkey/internal/tokenctltest"
)

func TestMain(m *testing.M) { tokenctltest.Main(m, main) }

// TestScript runs the transcripts in testdata/script, which show what a person
// types and sees. UPDATE_GOLDEN=1 updates them. See tokenctltest.Transcripts for
// their commands.
func TestScript(t *testing.T) { tokenctltest.Transcripts(t, filepath.Join("testdata", "script")) }

// TestHelp checks that each command has an example in its help and that a
// transcript shows its help.
func TestHelp(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "script", "help*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // our own folder
		if err != nil {
			t.Fatal(err)
		}
		shown.Write(content)
	}
	parser, err := newParser(io.Discard, io.Discard, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	err = kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		var help, path string
		switch node := node.(type) {
		case *kong.Application:
			help, path = node.Help, "tokenctl"
		case *kong.Command:
			help, path = node.Detail, "tokenctl "+commandPath(node)
		default:
			return next(nil)
		}
		commands++
		if !strings.Contains(help, "Example:\n\n    ") {
			t.Errorf("the help of %s has no example", path)
		}
		if !strings.Contains(shown.String(), "\n$ "+path+" --help\n") {
			t.Errorf("no transcript shows %s --help", path)
		}
		return next(nil)
	})
	if err != nil || commands < 20 {
		t.Errorf("got %d commands, %v; want at least 20", commands, err)
	}
}

// commandPath returns the words that select a command.
func commandPath(node *kong.Node) string {
	if node.Parent == nil || node.Parent.Type == kong.ApplicationNode {
		return node.Name
	}
	return commandPath(node.Parent) + " " + node.Name
}
