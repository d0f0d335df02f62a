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
	URL string `env:"LATCHKEY_URL" required:"" placeholder:"URL" help:"The API's URL: https, or http on this machine."`
	profileFlags
}

// Help implements kong.HelpProvider.
func (*loginCmd) Help() string {
	return `It asks for your access token, or reads it from stdin if that is no terminal, tries it with one call, and saves both for
the token commands, readable for you alone. LATCHKEY_URL and LATCHKEY_ACCESS_TOKEN, if set, go before what is saved.

Example:

    tokenctl login --url https://api.example.com`
}

// Run implements the command.
func (c *loginCmd) Run(ctx context.Context, out *console) error {
	if _, err := c.file(); err != nil {
		return err
	}
	base, err := checkURL(c.URL) // before anything secret is asked for
	if err != nil {
		return err
	}
	at, err := out.readSecret(ctx, "Access token: ")
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
		out.note(accessTokenVar + " is set, and goes before what was saved.")
	}
	return out.print("You are logged in to " + base + " as profile " + c.Profile + ".\n")
}

type logoutCmd struct {
	profileFlags
}

// Help implements kong.HelpProvider.
func (*logoutCmd) Help() string {
	return `It forgets the profile. The access token stays valid: the operator ends it with "tokenctl user rotate --revoke".

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

// isTerminal reports whether a person is at the other end.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// readSecret reads a line from stdin; a terminal does not show it.
func (c *console) readSecret(ctx context.Context, prompt string) (string, error) {
	if !isTerminal(c.in) {
		const most = 1 << 10
		line, err := bufio.NewReader(io.LimitReader(c.in, most)).ReadString('\n')
		if line == "" || err != nil && !errors.Is(err, io.EOF) {
			return "", problemf("there is no access token on stdin: pipe one in, or run this in a terminal")
		}
		return strings.TrimSpace(line), nil
	}
	fd := int(c.in.Fd())
	before, err := term.MakeRaw(fd) // so that nothing is shown from the prompt on
	if err != nil {
		return "", err
	}
	defer term.Restore(fd, before) //nolint:errcheck // nothing is to be done
	screen := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{c.in, c.err}, "")
	type read struct {
		line string
		err  error
	}
	done := make(chan read, 1)
	go func() { // it can't be interrupted
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
	return "", problemf("interrupted: nothing was saved")
}

// confirm asks a person for a yes; without one, only --yes will do.
func (c *console) confirm(ctx context.Context, question string) error {
	if !isTerminal(c.in) || !isTerminal(c.err) {
		return problemf("this can't be undone, and nobody can be asked: add --yes if you are sure")
	}
	_, _ = io.WriteString(c.err, question+" [y/N] ")
	done := make(chan string, 1)
	go func() { // it can't be interrupted
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
