// Package costtest_test measures what an operation of the API costs: units and round trips
// of DynamoDB, and allocations of our own code and of the SDK. The operation runs once
// on the engine, and its answers are recorded; from then on it runs on the recorded
// answers, so that nothing but the operation itself is measured.
package costtest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"
)

// A tape is in the place of a client's connection. It records the calls of an
// operation with their answers, and gives these answers again: to a query the answer
// to the same query, because several run at the same time, and to other calls in the
// order of each DynamoDB operation.
type tape struct {
	engine dynamodb.HTTPClient

	mu        sync.Mutex
	recording bool
	answers   map[string][]*answer // by callOf
	played    map[string]int
	calls     []any // the inputs
	sent      int64 // bytes of request bodies
	received  int64 // bytes of answers' bodies
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// configure is a client option.
func (t *tape) configure(o *dynamodb.Options) {
	t.engine = o.HTTPClient
	o.HTTPClient = t
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("tape",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				t.keep(in.Parameters)
				return next.HandleInitialize(ctx, in)
			}), middleware.Before)
	})
}

func (t *tape) keep(input any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.recording {
		t.calls = append(t.calls, input)
	}
}

// record records what do calls.
func (t *tape) record(do func()) {
	t.mu.Lock()
	t.recording, t.answers, t.calls, t.sent, t.received = true, map[string][]*answer{}, nil, 0, 0
	t.mu.Unlock()
	do()
	t.mu.Lock()
	t.recording, t.played = false, map[string]int{}
	t.mu.Unlock()
}

// rewind makes the tape give its answers again.
func (t *tape) rewind() { clear(t.played) }

// pass makes the tape pass calls on to the engine.
func (t *tape) pass() { t.played = nil }

// Do implements dynamodb.HTTPClient.
func (t *tape) Do(r *http.Request) (*http.Response, error) {
	operation, err := callOf(r)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.recording:
		return t.ask(operation, r)
	case t.played == nil: // before the first recording
		return t.engine.Do(r)
	case t.played[operation] == len(t.answers[operation]):
		return nil, fmt.Errorf("no answer of %s is left: the operation made other calls than when it was recorded", operation)
	}
	a := t.answers[operation][t.played[operation]]
	t.played[operation]++
	return a.response(r), nil
}

// callOf returns what a call has in common with its repetition: its operation, and of a
// query the partition.
func callOf(r *http.Request) (string, error) {
	operation := r.Header.Get("X-Amz-Target")
	if !strings.HasSuffix(operation, ".Query") {
		return operation, nil
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	_, partition, _ := bytes.Cut(body, []byte(`":partition":`))
	partition, _, _ = bytes.Cut(partition, []byte("}"))
	return operation + string(partition), err
}

func (t *tape) ask(operation string, r *http.Request) (*http.Response, error) {
	resp, err := t.engine.Do(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	a := &answer{resp.StatusCode, resp.Header, body}
	t.answers[operation] = append(t.answers[operation], a)
	t.sent += r.ContentLength
	t.received += int64(len(body))
	return a.response(r), nil
}

func (a *answer) response(r *http.Request) *http.Response {
	return &http.Response{
		StatusCode: a.status, Header: a.header, Request: r, ContentLength: int64(len(a.body)),
		Body: io.NopCloser(bytes.NewReader(a.body)),
	}
}

// call makes the recorded calls again, with a client as the SDK makes it.
func (t *tape) call(ctx context.Context, client *dynamodb.Client) error {
	for _, input := range t.calls {
		if err := call(ctx, client, input); err != nil {
			return err
		}
	}
	return nil
}

func call(ctx context.Context, c *dynamodb.Client, input any) (err error) {
	switch in := input.(type) {
	case *dynamodb.GetItemInput:
		_, err = c.GetItem(ctx, in)
	case *dynamodb.BatchGetItemInput:
		_, err = c.BatchGetItem(ctx, in)
	case *dynamodb.QueryInput:
		_, err = c.Query(ctx, in)
	case *dynamodb.PutItemInput:
		_, err = c.PutItem(ctx, in)
	case *dynamodb.UpdateItemInput:
		_, err = c.UpdateItem(ctx, in)
	case *dynamodb.DeleteItemInput:
		_, err = c.DeleteItem(ctx, in)
	case *dynamodb.TransactWriteItemsInput:
		_, err = c.TransactWriteItems(ctx, in)
	default:
		err = fmt.Errorf("call %T is not known here", input)
	}
	return err
}

// plainClient is a client with the SDK's own settings, whose calls the tape answers.
func (t *tape) plainClient(endpoint string) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region: "us-east-1", BaseEndpoint: &endpoint, HTTPClient: t,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
	})
}
