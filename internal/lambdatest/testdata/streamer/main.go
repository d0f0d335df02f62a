// Command streamer is a function that answers with a stream. Its event, a JSON
// string, names what it does.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func main() { lambda.Start(handle) }

func handle(_ context.Context, event string) (*events.LambdaFunctionURLStreamingResponse, error) {
	if event == "fail" {
		return nil, errors.New("failed on purpose")
	}
	body, out := io.Pipe()
	go func() { _ = out.CloseWithError(write(out, event)) }()
	return &events.LambdaFunctionURLStreamingResponse{
		StatusCode: 201, Headers: map[string]string{"X-Event": event}, Cookies: []string{"a=b"}, Body: body,
	}, nil
}

func write(out io.Writer, event string) error {
	_, _ = io.WriteString(out, "first") // an error comes with the next write, too
	switch event {
	case "break_off":
		return errors.New("broke off on purpose")
	case "hang":
		time.Sleep(time.Hour)
	}
	time.Sleep(100 * time.Millisecond) // so that the first piece has been sent
	if event == "exit" {
		os.Exit(4)
	}
	n, err := io.WriteString(out, "second")
	fmt.Println("wrote", n, err)
	return err
}
