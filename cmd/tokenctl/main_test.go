package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHelpIsAsInTheGoldenFiles(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"serve"},
		{"proxy"},
		{"login"},
		{"logout"},
		{"token"},
		{"token", "list"},
		{"token", "create"},
		{"token", "get"},
		{"token", "update"},
		{"token", "delete"},
		{"token", "rotate"},
		{"token", "import"},
		{"user"},
		{"user", "create"},
		{"user", "list"},
		{"user", "rotate"},
		{"user", "disable"},
		{"user", "limit"},
		{"user", "enable"},
		{"reconcile"},
		{"table"},
		{"table", "create"},
	} {
		name := strings.Join(append([]string{"help"}, args...), "-")
		t.Run(name, func(t *testing.T) {
			got := succeed(t, nil, append(args, "--help")...)
			file := filepath.Join("testdata", name+".golden")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file) //nolint:gosec // our own folder
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("help differs (-want +got); renew with UPDATE_GOLDEN=1:\n%s", diff)
			}
			if !strings.Contains(got, "Example:\n\n    ") {
				t.Error("help has no example")
			}
		})
	}
}

func TestHelpNamesEveryCommand(t *testing.T) {
	help := succeed(t, nil, "--help")
	for _, command := range []string{
		"serve", "proxy", "token list", "token create <name>", "token get <id>", "token import <file>", "logout", "user create <name>", "user list", "user rotate <name>", "user disable <name>", "user enable <name>", "reconcile <user>", "table create",
	} {
		if !strings.Contains(help, "\n  "+command+" [flags]\n") {
			t.Errorf("help does not name %q", command)
		}
	}
}

func TestVersionIsThatOfTheBuild(t *testing.T) {
	got := strings.TrimSpace(succeed(t, nil, "--version"))
	info, err := exec.CommandContext(t.Context(), "go", "version", "-m", os.Getenv(binaryVar)).Output() //nolint:gosec // built by TestMain
	if err != nil {
		t.Fatal(err)
	}
	if want := "\tmod\tgithub.com/latchkey-api/latchkey\t" + got; got == "" || !strings.Contains(string(info), want) {
		t.Errorf("got version %q, want the one in:\n%s", got, info)
	}
}

func TestWrongUsageIsOneSentence(t *testing.T) {
	const see = ": see `tokenctl --help`."
	for _, c := range []struct{ args, want string }{
		{"", `expected one of "serve", "proxy", "login", "logout", "token", ...` + see},
		{"user", `expected one of "create", "list", "rotate", "disable", "enable", ...` + see},
		{"user create", `expected "<name>"` + see},
		{"user create a b", "unexpected argument b" + see},
		{"user create a --colour", "unknown flag --colour" + see},
		{"user create a --expires-in 0.5s", `--expires-in: "0.5s" must be a time of at least 1s, such as 90s, 12h or 90d` + see},
		{"user create a --expires-in=-1d", `--expires-in: "-1d" must be a time of at least 1s, such as 90s, 12h or 90d` + see},
		{"user create a --expires-in 999999999d", `--expires-in: "999999999d" must be a time of at least 1s, such as 90s, 12h or 90d` + see},
		{"user create a --expires-in soon", `--expires-in: "soon" must be a time of at least 1s, such as 90s, 12h or 90d` + see},
		{"user create a --role root", "role must be user or guest."},
		{"user rotate not/a/name", "user name must be 1 to 50 letters, digits, dots, underscores, hyphens or @, beginning with a letter or digit."},
	} {
		t.Run(c.args, func(t *testing.T) {
			refuse(t, tokenctl(t, nil, strings.Fields(c.args)...), c.want)
		})
	}
}
