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

// A profile is the URL of an API and an access token for it, saved in a file
// that only its owner can read.
type profile struct {
	URL         string `json:"url"`
	AccessToken string `json:"access_token"`
}

// profileFlags holds the flag that selects a profile.
type profileFlags struct {
	Profile string `env:"LATCHKEY_PROFILE" default:"default" placeholder:"NAME" help:"Name of a profile saved by login (default: ${default})."`
}

// remote holds the flags of all commands that call the API.
type remote struct {
	profileFlags
	JSON bool `help:"Print one line of JSON."`
}

// Environment variables that take precedence over a profile.
const (
	urlVar         = "LATCHKEY_URL"
	accessTokenVar = "LATCHKEY_ACCESS_TOKEN"
)

// A session is a client of the API and what messages say about it.
type session struct {
	*client.Client
	url    string
	userID int64
}

// open returns a session from the environment or the profile. It sends nothing.
func (f profileFlags) open() (*session, error) {
	at, base := os.Getenv(accessTokenVar), os.Getenv(urlVar)
	if at == "" || base == "" {
		saved, err := f.read()
		switch {
		case err != nil && base != "" && errors.Is(err, os.ErrNotExist):
			return nil, problemf("%s is set but no access token is: set %s too, or log in with `tokenctl login`", urlVar, accessTokenVar)
		case errors.Is(err, os.ErrNotExist):
			return nil, problemf("you are not logged in with profile %s: run `tokenctl login --url URL`, or set %s and %s", f.Profile, urlVar, accessTokenVar)
		case err != nil:
			return nil, err
		case base != "" && strings.TrimSuffix(base, "/") != saved.URL:
			return nil, problemf("%s differs from the URL of profile %s, whose access token is sent to no other URL: set %s too, or unset %s", urlVar, f.Profile, accessTokenVar, urlVar)
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
		return nil, problemf("this is not an access token: an access token begins with at- and has 51 characters; copy it again from the output of `tokenctl user create` and run `tokenctl login`")
	}
	return &session{client.New(base, at.Reveal()), base, at.UserID}, nil
}

// checkURL returns the API's URL without a final slash. It refuses http except
// to this machine, because http would send the access token unencrypted.
func checkURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.ContainsAny(s, "?#") {
		return "", problemf("the URL of the API is not valid: set --url or %s to a URL such as https://api.example.com", urlVar) // without the URL, which may hold a password
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return "", problemf("http://%s would send your access token unencrypted: use https://%[1]s, or a tunnel on 127.0.0.1", u.Host)
	}
	return strings.TrimSuffix(s, "/"), nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// file returns the path of the profile's file.
func (f profileFlags) file() (string, error) {
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,49}$`).MatchString(f.Profile) {
		return "", problemf("%q is not a valid profile name: use 1 to 50 letters, digits, dots, underscores or hyphens, beginning with a letter or digit", f.Profile)
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", problemf("the folder for settings is unknown (%s): set HOME or XDG_CONFIG_HOME", sentence(err))
	}
	return filepath.Join(dir, "latchkey", f.Profile+".json"), nil
}

// read returns the saved profile. The error is os.ErrNotExist if there is none.
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
		return p, problemf("other users of this machine can read the access token in %s: run `chmod 600 %[1]s`, and have the access token rotated if others use this machine", file)
	}
	var content []byte
	if err == nil {
		content, err = os.ReadFile(file) //nolint:gosec // the user's own folder
	}
	if err != nil {
		return p, unsaved(file, err)
	}
	if json.Unmarshal(content, &p) != nil {
		return p, problemf("%s is damaged: log in again with `tokenctl login`", file)
	}
	return p, nil
}

// save writes the profile. The file is readable by its owner alone and is never
// left half-written.
func (f profileFlags) save(p profile) error {
	file, err := f.file()
	if err != nil {
		return err
	}
	content, err := json.Marshal(p) //nolint:gosec // the file exists to hold the access token
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

// unsaved is the error for a profile that can't be read or written.
func unsaved(file string, err error) error {
	return problemf("%s is not usable (%s): make its folder one that you can write to, or set XDG_CONFIG_HOME to another folder", file, reason(err))
}
