// Command function is a function that does what its event, a JSON string, names.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

func main() {
	if os.Getenv("FAIL_AT_START") != "" {
		fmt.Fprintln(os.Stderr, "failed on purpose")
		os.Exit(3)
	}
	lambda.Start(handle)
}

func handle(ctx context.Context, event json.RawMessage) (any, error) {
	switch string(event) {
	case `"fail"`:
		return nil, errors.New("failed on purpose")
	case `"panic"`:
		panic("on purpose")
	case `"exit"`:
		os.Exit(4)
	case `"hang"`:
		fmt.Println("hanging")
		<-ctx.Done()
		time.Sleep(50 * time.Millisecond) // answers after the caller has given up
	case `"environment"`:
		lc, _ := lambdacontext.FromContext(ctx)
		_, limited := ctx.Deadline()
		return []string{strconv.Itoa(len(os.Environ())), os.Getenv("GREETING"), lc.AwsRequestID, strconv.FormatBool(limited)}, nil
	}
	fmt.Println("got", string(event))
	return event, nil
}
