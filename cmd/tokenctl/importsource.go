package main

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/source"
)

// fromFlags are the flags of an import from the API of another system.
type fromFlags struct {
	From      string `enum:"newapi,oneapi,litellm," default:"" placeholder:"SYSTEM" help:"The system at the URL: newapi, oneapi or litellm."`
	FromUser  int64  `placeholder:"ID" help:"ID of the user of the access token there, which New API wants to know."`
	AllowHTTP bool   `name:"allow-http" help:"Send the access token unencrypted to an http URL of another machine."`
}

// sourceTokenVar is the variable with the access token of the other system.
const sourceTokenVar = "SOURCE_ACCESS_TOKEN"

// isURL reports whether an import is from an API.
func isURL(name string) bool {
	lower := strings.ToLower(name)
	return strings.HasPrefix(lower, "https://") || strings.HasPrefix(lower, "http://")
}

// load reads the tokens from a file or, if name is a URL, from an API.
func (c fromFlags) load(ctx context.Context, out *console, name string) (input, error) {
	switch {
	case !isURL(name) && c != fromFlags{}:
		return input{}, notURL(name)
	case !isURL(name):
		return readInput(ctx, name)
	case c.From == "":
		return input{}, problemf("an import from a URL needs --from: add --from newapi, --from oneapi or --from litellm")
	}
	base, err := c.sourceURL(name)
	if err != nil {
		return input{}, err
	}
	accessToken := strings.TrimSpace(os.Getenv(sourceTokenVar))
	if accessToken == "" {
		if accessToken, err = out.readSecret(ctx, "access token", "Access token of "+base+": "); err != nil {
			return input{}, err
		}
	}
	if accessToken == "" || strings.ContainsFunc(accessToken, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return input{}, problemf("this is not an access token of the other system: set %s, or pipe it to stdin", sourceTokenVar)
	}
	say := func(kind, text string) { out.note(kind + base + ": " + text + ".") }
	api := source.API{URL: base, AccessToken: accessToken, Warn: func(text string) { say("warning: ", text) }}
	api.Wait = func(ctx context.Context, d time.Duration, why string) error {
		if why != "" {
			say("", why)
		}
		return wait(ctx, d)
	}
	if c.FromUser != 0 {
		api.User = strconv.FormatInt(c.FromUser, 10)
	}
	fetch := api.NewAPI
	if c.From == "litellm" {
		fetch = api.LiteLLM
	}
	content, err := fetch(ctx)
	switch {
	case errors.Is(err, context.Canceled):
		return input{}, problemf("interrupted: nothing was imported")
	case err != nil:
		return input{}, problemf("%s can't be imported: %s", base, sentence(err))
	}
	return input{content, true}, nil
}

// sourceURL returns the URL without a final slash. It refuses http except to this
// machine, because http would send the access token unencrypted.
func (c fromFlags) sourceURL(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || strings.ContainsAny(s, "?#"):
		return "", problemf("the URL of the other system is not valid: give one such as https://old.example.com") // without the URL, which may hold a password
	case strings.EqualFold(u.Scheme, "http") && !loopback(u.Hostname()) && !c.AllowHTTP:
		return "", problemf("http://%s would send the access token and the keys unencrypted: use https://%[1]s, a tunnel on 127.0.0.1, or --allow-http if the network is safe", u.Host)
	}
	return strings.TrimRight(s, "/"), nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
