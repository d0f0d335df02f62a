// Command smoke walks a deployed API once: both spellings of the paths, every
// route, what a key is good for until it is deleted, one error of each kind
// that a tenant can cause, and the pages for browsers. It deletes what it made, also when a step fails,
// and ends with 1 if one did.
//
//	smoke -url https://….execute-api.eu-central-1.amazonaws.com   (access token in ACCESS_TOKEN)
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/wire"
)

func main() {
	url := flag.String("url", "", "the API's base URL, as the stack's output ApiUrl has it")
	flag.Parse()
	accessToken := os.Getenv("ACCESS_TOKEN")
	if *url == "" || accessToken == "" {
		fmt.Fprintln(os.Stderr, "smoke: set URL and TOKEN, as in: make smoke URL=https://… TOKEN=at-…")
		os.Exit(1)
	}
	const patience = 2 * time.Minute
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	w := &walk{base: strings.TrimSuffix(*url, "/"), accessToken: credential.NewSecret(accessToken), out: os.Stdout}
	if err := w.all(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "smoke:", err)
		os.Exit(1) //nolint:gocritic // cancel has nothing left to do
	}
	fmt.Println("all is well, and what was made is deleted")
}

// A walk is one run. made are the tokens that it has to delete.
type walk struct {
	base        string
	accessToken credential.Secret
	out         io.Writer
	made        []int64
}

// A step is a request and what must come back.
type step struct {
	says         string
	method, path string
	body         string
	status       int
	code         wire.Code
	has          string   // what the answer's body must have in it
	bare         bool     // the answer has the API family's own envelope
	headers      []string // names and values in turn, over the usual ones
}

func (w *walk) all(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, w.cleanUp(ctx)) }()
	for _, collection := range []string{wire.TokensPath, wire.TokensPath + "/"} {
		made, err := w.create(ctx, collection)
		if err != nil {
			return err
		}
		if err := w.take(ctx, life(collection, made)); err != nil {
			return err
		}
		slash := strings.TrimPrefix(collection, wire.TokensPath)
		ids, err := w.createAll(ctx, slash)
		if err != nil {
			return err
		}
		if err := w.take(ctx, batch(slash, ids)); err != nil {
			return err
		}
	}
	if err := w.take(ctx, mistakes()); err != nil {
		return err
	}
	for _, p := range pages() {
		if err := w.look(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) create(ctx context.Context, collection string) (wire.Token, error) {
	body, err := w.ask(ctx, step{says: "create", method: http.MethodPost, path: collection, body: `{"name":"smoke"}`, status: 201})
	if err != nil {
		return wire.Token{}, err
	}
	var made wire.Envelope[wire.Token]
	if err := json.Unmarshal(body, &made); err != nil || made.Data.ID == 0 || !credential.HasKeyPrefix(made.Data.Key) {
		return wire.Token{}, fmt.Errorf("create at %s: the answer has no id or no key", collection)
	}
	w.made = append(w.made, made.Data.ID)
	return made.Data, nil
}

func (w *walk) createAll(ctx context.Context, slash string) (ids []int64, err error) {
	body, err := w.ask(ctx, step{says: "create several", method: http.MethodPost, path: api.CreateTokens.Path + slash, body: `{"tokens":[{"name":"smoke"},{"name":"smoke"}]}`, status: 201})
	if err != nil {
		return nil, err
	}
	var made wire.Envelope[wire.Tokens]
	if err := json.Unmarshal(body, &made); err != nil {
		return nil, fmt.Errorf("create several: the answer can't be read: %w", err)
	}
	for _, t := range made.Data.Items {
		ids = append(ids, t.ID)
	}
	w.made = append(w.made, ids...)
	return ids, nil
}

func (w *walk) take(ctx context.Context, steps []step) error {
	for _, s := range steps {
		if _, err := w.ask(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) cleanUp(ctx context.Context) error {
	var errs []error
	for _, id := range w.made {
		status, _, err := w.send(ctx, step{method: http.MethodDelete, path: fmt.Sprintf("%s/%d", wire.TokensPath, id)})
		if err != nil || status != http.StatusOK && status != http.StatusNotFound {
			errs = append(errs, fmt.Errorf("token %d may be left over: delete answered %d, %w", id, status, err))
		}
	}
	return errors.Join(errs...)
}

// ask takes a step and holds the answer to what must come back.
func (w *walk) ask(ctx context.Context, s step) ([]byte, error) {
	status, body, err := w.send(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.says, err)
	}
	envelope, err := s.open(body)
	if err != nil {
		return nil, fmt.Errorf("%s: %s %s answered %d without our envelope: is this the API's base URL?", s.says, s.method, s.path, status)
	}
	if status != s.status || envelope.Code != s.code || envelope.Success != (s.code == "") {
		return nil, fmt.Errorf("%s: %s %s answered %d %s %q (request %s), want %d %s",
			s.says, s.method, s.path, status, string(envelope.Code), envelope.Message, envelope.RequestID, s.status, string(s.code))
	}
	if !bytes.Contains(body, []byte(s.has)) {
		return nil, fmt.Errorf("%s: %s %s answered %s, want %s in it", s.says, s.method, s.path, body, s.has)
	}
	_, _ = fmt.Fprintf(w.out, "ok  %d  %-6s %-32s %s\n", status, s.method, s.path, s.says)
	return body, nil
}

// open reads the envelope of an answer.
func (s step) open(body []byte) (e wire.Envelope[json.RawMessage], err error) {
	if !s.bare {
		return e, json.Unmarshal(body, &e)
	}
	var usage wire.UsageAnswer
	err = json.Unmarshal(body, &usage)
	e.Success, e.Message = usage.Code, usage.Message
	return e, err
}

func (w *walk) send(ctx context.Context, s step) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, s.method, w.base+s.path, strings.NewReader(s.body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+w.accessToken.Reveal())
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(s.headers); i += 2 {
		r.Header.Set(s.headers[i], s.headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // it is read to its end
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, body, err
}
