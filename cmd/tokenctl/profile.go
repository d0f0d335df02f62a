package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/credential"
)

// A profile is a server of the API and who calls it, kept in a file for the
// owner alone.
type profile struct {
	URL         string `json:"url"`
	AccessToken string `json:"access_token"`
}

// profileFlags are those of the commands that call the API.
type profileFlags struct {
	Profile string `env:"LATCHKEY_PROFILE" default:"default" placeholder:"NAME" help:"The profile that login has saved (default: the one named ${default})."`
}

// remote are the flags of the token commands.
type remote struct {
	profileFlags
	JSON bool `help:"Print one line of JSON, for scripts."`
}

// The variables that override a profile.
const (
	urlVar         = "LATCHKEY_URL"
	accessTokenVar = "LATCHKEY_ACCESS_TOKEN"
)

// A session is a client of the API, and what is told of it.
type session struct {
	*client.Client
	url    string
	userID int64
}

// open finds out which API is meant, and who calls it. Nothing is sent yet.
func (f profileFlags) open() (*session, error) {
	at, base := os.Getenv(accessTokenVar), os.Getenv(urlVar)
	if at == "" || base == "" {
		saved, err := f.read()
		switch {
		case err != nil && base != "" && errors.Is(err, os.ErrNotExist):
			return nil, problemf("%s is set, but there is no access token for it: set %s too, or log in with `tokenctl login`", urlVar, accessTokenVar)
		case errors.Is(err, os.ErrNotExist):
			return nil, problemf("you are not logged in as profile %s: run `tokenctl login --url URL`, or set %s and %s", f.Profile, urlVar, accessTokenVar)
		case err != nil:
			return nil, err
		case base != "" && strings.TrimSuffix(base, "/") != saved.URL:
			return nil, problemf("%s is not where profile %s logged in, and its access token is not sent elsewhere: set %s too, or unset %s", urlVar, f.Profile, accessTokenVar, urlVar)
		}
		at, base = cmp.Or(at, saved.AccessToken), saved.URL
	}
	return profile{base, at}.session()
}

func (p profile) session() (*session, error) {
	base, err := checkURL(p.URL)
	if err != nil {
		return nil, err
	}
	at, err := credential.ParseAccessToken(strings.TrimSpace(p.AccessToken))
	if err != nil {
		return nil, problemf("this is no access token, which begins with at- and has 51 characters: copy it again as `tokenctl user create` has printed it, then log in with `tokenctl login`")
	}
	return &session{client.New(base, at.Reveal()), base, at.UserID}, nil
}

// checkURL is the URL without its last slash. An access token crosses the
// net under TLS only.
func checkURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.ContainsAny(s, "?#") {
		return "", problemf("the URL of the API is none: give --url or %s one such as https://api.example.com", urlVar) // it may hold a password
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return "", problemf("http://%s would carry your access token in clear text: use https://%[1]s, or reach it through a tunnel on 127.0.0.1", u.Host)
	}
	return strings.TrimSuffix(s, "/"), nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// file is where the profile is.
func (f profileFlags) file() (string, error) {
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,49}$`).MatchString(f.Profile) {
		return "", problemf("the profile's name %q must be 1 to 50 letters, digits, dots, underscores or hyphens, beginning with a letter or digit", f.Profile)
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", problemf("there is no folder for settings (%s): set HOME or XDG_CONFIG_HOME", sentence(err))
	}
	return filepath.Join(dir, "latchkey", f.Profile+".json"), nil
}

// read is the saved profile, or os.ErrNotExist.
func (f profileFlags) read() (p profile, err error) {
	file, err := f.file()
	if err != nil {
		return p, err
	}
	info, err := os.Stat(file)
	if errors.Is(err, os.ErrNotExist) {
		return p, os.ErrNotExist
	}
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		return p, problemf("others can read %s, which has an access token: run `chmod 600 %[1]s`, and have the access token rotated if you share this machine", file)
	}
	var content []byte
	if err == nil {
		content, err = os.ReadFile(file) //nolint:gosec // the user's own folder
	}
	if err != nil {
		return p, unsaved(file, err)
	}
	if json.Unmarshal(content, &p) != nil {
		return p, problemf("%s is not as login has written it: log in again with `tokenctl login`", file)
	}
	return p, nil
}

// save writes the profile for its owner only, whole or not at all.
func (f profileFlags) save(p profile) error {
	file, err := f.file()
	if err != nil {
		return err
	}
	content, err := json.Marshal(p) //nolint:gosec // the file is for it
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o700)
	}
	if err != nil {
		return unsaved(file, err)
	}
	draft, err := os.CreateTemp(filepath.Dir(file), ".draft-*") // its mode is 0600
	if err != nil {
		return unsaved(file, err)
	}
	_, err = draft.Write(append(content, '\n'))
	if err = errors.Join(err, draft.Sync(), draft.Close()); err == nil {
		err = os.Rename(draft.Name(), file)
	}
	if err != nil {
		_ = os.Remove(draft.Name())
		return unsaved(file, err)
	}
	return nil
}

func unsaved(file string, err error) error {
	return problemf("%s can't be used (%s): make its folder one that you can write to, or set XDG_CONFIG_HOME to another", file, reason(err))
}
