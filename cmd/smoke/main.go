// Command smoke tests a deployed API: every route, with and without a trailing
// slash; what a key can do until its token is deleted; one error of each kind
// that a tenant can cause; and the pages for browsers. It deletes the tokens
// that it creates, also if a step fails, and exits with 1 if one did.
//
//	smoke -url https://….execute-api.eu-central-1.amazonaws.com
//
// The access token comes from the environment variable ACCESS_TOKEN, or from the
// first line of the standard input. At a terminal it is asked for and not shown.
package main

import (
	"bufio"
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

	"golang.org/x/term"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/wire"
)

func main() {
	url := flag.String("url", "", "the API's base URL: the stack's output ApiUrl")
	flag.Parse()
	if *url == "" {
		fmt.Fprintln(os.Stderr, "smoke: the URL is missing: make smoke URL=https://…")
		os.Exit(1)
	}
	accessToken, err := readAccessToken()
	if err != nil {
		fmt.Fprintln(os.Stderr, "smoke:", err)
		os.Exit(1)
	}
	const timeout = 2 * time.Minute
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	r := &runner{base: strings.TrimSuffix(*url, "/"), accessToken: credential.NewSecret(strings.TrimSpace(accessToken)), out: os.Stdout}
	if err := r.runAll(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "smoke:", err)
		os.Exit(1) //nolint:gocritic // cancel has nothing left to do
	}
	fmt.Println("All steps passed; the tokens they created are deleted.")
}

func readAccessToken() (string, error) {
	if accessToken := os.Getenv("ACCESS_TOKEN"); accessToken != "" {
		return accessToken, nil
	}
	var line []byte
	var err error
	if stdin := int(os.Stdin.Fd()); term.IsTerminal(stdin) {
		fmt.Fprint(os.Stderr, "Access token (not shown): ")
		line, err = term.ReadPassword(stdin)
		fmt.Fprintln(os.Stderr)
	} else {
		line, err = bufio.NewReader(os.Stdin).ReadBytes('\n')
	}
	if len(bytes.TrimSpace(line)) > 0 {
		return string(line), nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = errors.New("the access token is missing: set ACCESS_TOKEN, or send it as the first line of the standard input")
	}
	return "", err
}

// A runner runs the steps once.
type runner struct {
	base            string
	accessToken     credential.Secret
	out             io.Writer
	created         []int64  // tokens to delete at the end
	createdWebhooks []string // their paths
}

// A step is a request and the answer it must get.
type step struct {
	name         string
	method, path string
	body         string
	status       int
	code         wire.Code
	orCode       wire.Code // a failure with this code passes too
	contains     string    // a part of the answer's body
	usageForm    bool      // the answer is a wire.UsageAnswer
	csv          bool      // the answer is no JSON; contains is all that is checked of it
	headers      []string  // alternating names and values; they replace the usual ones
}

func (r *runner) runAll(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, r.cleanUp(ctx)) }()
	for _, collection := range []string{wire.TokensPath, wire.TokensPath + "/"} {
		made, err := r.create(ctx, collection)
		if err != nil {
			return err
		}
		if err := r.runSteps(ctx, lifecycle(collection, made)); err != nil {
			return err
		}
		slash := strings.TrimPrefix(collection, wire.TokensPath)
		ids, err := r.createAll(ctx, slash)
		if err != nil {
			return err
		}
		if err := r.runSteps(ctx, batchSteps(slash, ids)); err != nil {
			return err
		}
		if err := r.webhooks(ctx, slash); err != nil {
			return err
		}
	}
	if err := r.runSteps(ctx, errorSteps()); err != nil {
		return err
	}
	for _, p := range pages() {
		if err := r.checkPage(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) create(ctx context.Context, collection string) (wire.Token, error) {
	body, err := r.runStep(ctx, step{name: "create", method: http.MethodPost, path: collection, body: `{"name":"smoke"}`, status: 201})
	if err != nil {
		return wire.Token{}, err
	}
	var made wire.Envelope[wire.Token]
	if err := json.Unmarshal(body, &made); err != nil || made.Data.ID == 0 || !credential.HasKeyPrefix(made.Data.Key) {
		return wire.Token{}, fmt.Errorf("create at %s: the answer has no ID or no key", collection)
	}
	r.created = append(r.created, made.Data.ID)
	return made.Data, nil
}

func (r *runner) createAll(ctx context.Context, slash string) (ids []int64, err error) {
	body, err := r.runStep(ctx, step{name: "create several", method: http.MethodPost, path: wire.BatchCreatePath + slash, body: `{"tokens":[{"name":"smoke"},{"name":"smoke"}]}`, status: 201})
	if err != nil {
		return nil, err
	}
	var made wire.Envelope[wire.Tokens]
	if err := json.Unmarshal(body, &made); err != nil {
		return nil, fmt.Errorf("create several: read the answer: %w", err)
	}
	for _, t := range made.Data.Items {
		ids = append(ids, t.ID)
	}
	r.created = append(r.created, ids...)
	return ids, nil
}

func (r *runner) runSteps(ctx context.Context, steps []step) error {
	for _, s := range steps {
		if _, err := r.runStep(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) cleanUp(ctx context.Context) error {
	var errs []error
	remove := func(what, path string) {
		status, _, err := r.send(ctx, step{method: http.MethodDelete, path: path})
		if err == nil && status != http.StatusOK && status != http.StatusNotFound {
			err = fmt.Errorf("the delete answered %d", status)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s may be left: %w", what, err))
		}
	}
	for _, id := range r.created {
		remove(fmt.Sprintf("token %d", id), fmt.Sprintf("%s/%d", wire.TokensPath, id))
	}
	for _, path := range r.createdWebhooks {
		remove(path, path)
	}
	return errors.Join(errs...)
}

// runStep sends the step's request, checks the answer and returns its body.
func (r *runner) runStep(ctx context.Context, s step) ([]byte, error) {
	status, body, err := r.send(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	envelope, err := s.decode(body)
	if err != nil {
		return nil, fmt.Errorf("%s: %s %s answered %d, but not in the API's form: check the base URL", s.name, s.method, s.path, status)
	}
	if s.orCode != "" && envelope.Code == s.orCode {
		_, _ = fmt.Fprintf(r.out, "ok  %d  %-6s %-32s %s\n", status, s.method, s.path, s.name)
		return body, nil
	}
	if status != s.status || envelope.Code != s.code || envelope.Success != (s.code == "") {
		return nil, fmt.Errorf("%s: %s %s answered %d %s %q (request %s), want %d %s",
			s.name, s.method, s.path, status, string(envelope.Code), envelope.Message, envelope.RequestID, s.status, string(s.code))
	}
	if !bytes.Contains(body, []byte(s.contains)) {
		return nil, fmt.Errorf("%s: %s %s answered %s, which does not contain %s", s.name, s.method, s.path, body, s.contains)
	}
	_, _ = fmt.Fprintf(r.out, "ok  %d  %-6s %-32s %s\n", status, s.method, s.path, s.name)
	return body, nil
}

// decode reads the envelope of an answer.
func (s step) decode(body []byte) (e wire.Envelope[json.RawMessage], err error) {
	if s.csv {
		e.Success = true
		return e, nil
	}
	if !s.usageForm {
		return e, json.Unmarshal(body, &e)
	}
	var usage wire.UsageAnswer
	err = json.Unmarshal(body, &usage)
	e.Success, e.Message = usage.Code, usage.Message
	return e, err
}

func (r *runner) send(ctx context.Context, s step) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, s.method, r.base+s.path, strings.NewReader(s.body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+r.accessToken.Reveal())
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(s.headers); i += 2 {
		request.Header.Set(s.headers[i], s.headers[i+1])
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // it is only read
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, body, err
}
