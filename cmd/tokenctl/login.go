package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/latchkey-api/latchkey/shared/client"
)

type loginCmd struct {
	URL string `env:"LATCHKEY_URL" required:"" placeholder:"URL" help:"URL of the API: https, or http on this machine."`
	profileFlags
}

// Help implements kong.HelpProvider.
func (*loginCmd) Help() string {
	return `It asks for your access token, or reads it from stdin if stdin is not a terminal. It checks the access token with one
call to the API, then saves the URL and the access token in a file that only you can read. The environment variables
LATCHKEY_URL and LATCHKEY_ACCESS_TOKEN take precedence over the saved values.

Example:

    tokenctl login --url https://api.example.com`
}

// Run implements the command.
func (c *loginCmd) Run(ctx context.Context, out *console) error {
	if _, err := c.file(); err != nil {
		return err
	}
	base, err := checkURL(c.URL) // before the prompt for the access token
	if err != nil {
		return err
	}
	at, err := out.readSecret(ctx, "access token", "Access token: ")
	if err != nil {
		return err
	}
	p := profile{base, at}
	s, err := p.session()
	if err != nil {
		return err
	}
	if _, err := s.List(ctx, client.ListOptions{PageSize: 1}); err != nil {
		return s.explain(err)
	}
	if err := c.save(p); err != nil {
		return err
	}
	if os.Getenv(accessTokenVar) != "" {
		out.note(accessTokenVar + " is set and takes precedence over the saved access token.")
	}
	return out.print("You are logged in to " + base + " as profile " + c.Profile + ".\n")
}

type logoutCmd struct {
	profileFlags
}

// Help implements kong.HelpProvider.
func (*logoutCmd) Help() string {
	return `It deletes the saved profile. The access token stays valid until the operator revokes it with
"tokenctl user rotate --revoke".

Example:

    tokenctl logout`
}

// Run implements the command.
func (c *logoutCmd) Run(out *console) error {
	file, err := c.file()
	if err != nil {
		return err
	}
	err = os.Remove(file)
	if errors.Is(err, os.ErrNotExist) {
		return out.print("There is no profile " + c.Profile + ".\n")
	}
	if err != nil {
		return unsaved(file, err)
	}
	return out.print("You are logged out of profile " + c.Profile + ".\n")
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// readSecret reads one line from stdin. A terminal does not show what is typed.
func (c *console) readSecret(ctx context.Context, what, prompt string) (string, error) {
	if !isTerminal(c.in) {
		const most = 1 << 10
		line, err := bufio.NewReader(io.LimitReader(c.in, most)).ReadString('\n')
		if line == "" || err != nil && !errors.Is(err, io.EOF) {
			return "", problemf("stdin holds no %s: pipe one in, or run the command in a terminal", what)
		}
		return strings.TrimSpace(line), nil
	}
	fd := int(c.in.Fd())
	before, err := term.MakeRaw(fd) // hides what is typed, from before the prompt on
	if err != nil {
		return "", err
	}
	defer term.Restore(fd, before) //nolint:errcheck // there is no remedy
	screen := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{c.in, c.err}, "")
	type read struct {
		line string
		err  error
	}
	done := make(chan read, 1)
	go func() { // the read itself does not end with ctx
		line, err := screen.ReadPassword(prompt)
		done <- read{line, err}
	}()
	select {
	case r := <-done:
		if r.err == nil {
			return strings.TrimSpace(r.line), nil
		}
	case <-ctx.Done():
	}
	return "", problemf("interrupted: nothing was done")
}

// confirm asks the person at the terminal and returns an error unless the reply
// is yes. Without a terminal it returns an error.
func (c *console) confirm(ctx context.Context, question string) error {
	if !isTerminal(c.in) || !isTerminal(c.err) {
		return problemf("this can't be undone, and there is no terminal to ask for confirmation: add --yes to confirm")
	}
	_, _ = io.WriteString(c.err, question+" [y/N] ")
	done := make(chan string, 1)
	go func() { // the read itself does not end with ctx
		line, _ := bufio.NewReader(c.in).ReadString('\n')
		done <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case answer := <-done:
		if answer == "y" || answer == "yes" {
			return nil
		}
	case <-ctx.Done():
	}
	return problemf("nothing was done")
}
