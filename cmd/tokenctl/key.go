package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/credential"
)

type keyCmd struct {
	Check  keyCheckCmd  `cmd:"" help:"Say whether texts are keys or access tokens of Latchkey, offline."`
	Revoke keyRevokeCmd `cmd:"" help:"Revoke keys that have leaked, without a login."`
}

// Help implements kong.HelpProvider.
func (*keyCmd) Help() string {
	return `These commands ask for a key, or read one from each line of stdin if stdin is not a terminal. They are for whoever
has found one.

Example:

    tokenctl key check <found.txt`
}

type keyCheckCmd struct{}

// Help implements kong.HelpProvider.
func (*keyCheckCmd) Help() string {
	return `It sends nothing. A key and an access token contain a checksum, so a text that only looks like one is recognised. Whether
the key still works is not known. The exit code is 1 if a text is neither.

Example:

    gitleaks dir . --config gitleaks.toml --report-format json --report-path found.json
    jq -r '.[].Secret' found.json | tokenctl key check`
}

// Run implements the command.
func (*keyCheckCmd) Run(ctx context.Context, out *console) error {
	texts, err := out.readSecrets(ctx, "key")
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, text := range texts {
		mask := visible(credential.NewSecret(text).Mask())
		key, errKey := credential.ParseKey(text)
		at, errAccess := credential.ParseAccessToken(text)
		switch {
		case errKey == nil:
			_, _ = fmt.Fprintf(&lines, "%s is a key, of token %d of user %d\n", mask, key.TokenID, key.UserID)
		case errAccess == nil:
			_, _ = fmt.Fprintf(&lines, "%s is an access token, of user %d\n", mask, at.UserID)
		default:
			err = errFindings
			_, _ = fmt.Fprintf(&lines, "%s is neither: its form or its checksum is wrong\n", mask)
		}
	}
	return errors.Join(out.print(lines.String()), err)
}

type keyRevokeCmd struct {
	URL string `env:"LATCHKEY_URL" placeholder:"URL" help:"URL of the API: https, or http on this machine (default: that of the profile)."`
	profileFlags
}

// Help implements kong.HelpProvider.
func (*keyRevokeCmd) Help() string {
	return `Each key is refused from then on, and its token needs a rotation to be used again. The answer is the same for a key that
does not exist or was revoked before, so the command can be repeated. It revokes the keys of any user, and no access
tokens: the operator revokes those with "tokenctl user rotate NAME --revoke".

Example:

    tokenctl key revoke --url https://api.example.com`
}

// Run implements the command.
func (c *keyRevokeCmd) Run(ctx context.Context, out *console) error {
	if c.URL == "" {
		saved, err := c.read()
		if errors.Is(err, os.ErrNotExist) {
			err = problemf("the API is not known: add --url, or set %s", urlVar)
		}
		if err != nil {
			return err
		}
		c.URL = saved.URL
	}
	base, err := checkURL(c.URL)
	if err != nil {
		return err
	}
	keys, err := out.readSecrets(ctx, "key")
	if err != nil {
		return err
	}
	for i, key := range keys {
		if _, err := credential.ParseAccessToken(key); err == nil {
			return problemf("line %d is an access token and not a key, and nothing was revoked: the operator revokes it with `tokenctl user rotate NAME --revoke`", i+1)
		}
	}
	s := &session{client.New(base, ""), base, 0}
	for i, key := range keys {
		if _, err := credential.ParseKey(key); err != nil {
			out.note(fmt.Sprintf("Line %d is no key that Latchkey has issued: its form or its checksum is wrong. It is revoked only if it is the key of another system that a token was imported with.", i+1))
		}
		if err := s.Revoke(ctx, key); err != nil {
			return fmt.Errorf("line %d: %w", i+1, s.explain(err))
		}
	}
	if len(keys) == 1 {
		return out.print("The key is refused from now on, if it was one. Its token needs a rotation to be used again.\n")
	}
	return out.print(fmt.Sprintf("These %d keys are refused from now on, as far as they were keys. Their tokens need a rotation to be used again.\n", len(keys)))
}

// readSecrets reads one secret from a terminal, or one from each line of stdin.
func (c *console) readSecrets(ctx context.Context, what string) ([]string, error) {
	if isTerminal(c.in) {
		secret, err := c.readSecret(ctx, what, strings.ToUpper(what[:1])+what[1:]+": ")
		return []string{secret}, err
	}
	const most = 1 << 20
	var all []string
	lines := bufio.NewScanner(io.LimitReader(c.in, most))
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" {
			all = append(all, line)
		}
	}
	switch {
	case lines.Err() != nil:
		return nil, problemf("stdin can't be read (%s): send one %s in each line", sentence(lines.Err()), what)
	case len(all) == 0:
		return nil, problemf("stdin holds no %s: pipe one in, or run the command in a terminal", what)
	default:
		return all, nil
	}
}
