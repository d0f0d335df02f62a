package ci_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestWorkflowOfDocument checks that the workflow in docs/ci.md is YAML in which a
// job gets a role without a stored secret, and that each of its commands is a
// target of the Makefile.
func TestWorkflowOfDocument(t *testing.T) {
	document := read(t, "../../docs/ci.md")
	found := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(document)
	if found == nil {
		t.Fatal("got no workflow in docs/ci.md, want one")
	}
	var workflow struct {
		Permissions map[string]string
		Jobs        map[string]struct {
			Environment string
			Steps       []struct {
				Uses, Run string
				With      map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(found[1]), &workflow); err != nil {
		t.Fatal(err)
	}
	if workflow.Permissions["id-token"] != "write" || workflow.Permissions["contents"] != "read" || len(workflow.Permissions) != 2 {
		t.Errorf("got permissions %v, want to read the repository and to get a token", workflow.Permissions)
	}
	job := workflow.Jobs["deploy"]
	if job.Environment == "" {
		t.Error("got a job without an environment, want one, which the role's subject names")
	}
	var commands []string
	for _, step := range job.Steps {
		if step.Run != "" {
			commands = append(commands, step.Run)
		}
		if strings.Contains(step.Uses, "aws-credentials") && (step.With["role-to-assume"] == "" || step.With["aws-access-key-id"] != "") {
			t.Errorf("got %v, want a role in place of a stored key", step.With)
		}
	}
	if len(commands) < 2 {
		t.Errorf("got commands %v, want those that deploy and test", commands)
	}
	checkTargets(t, strings.Join(commands, "\n"))
	checkTargets(t, document)
}

// checkTargets checks that each `make x` in a text is a target of the Makefile.
func checkTargets(t *testing.T, text string) {
	t.Helper()
	var targets []string
	for _, rule := range regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllStringSubmatch(read(t, "../../Makefile"), -1) {
		targets = append(targets, rule[1])
	}
	for _, command := range regexp.MustCompile(`\bmake ([a-z][a-z-]*)`).FindAllStringSubmatch(text, -1) {
		if !slices.Contains(targets, command[1]) {
			t.Errorf("make %s is no target of the Makefile", command[1])
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file) //nolint:gosec // a file of the project
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
