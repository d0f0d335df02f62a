// Command function does what its event, a JSON string, says.
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
	if os.Getenv("BROKEN") != "" {
		fmt.Fprintln(os.Stderr, "broken as asked")
		os.Exit(3)
	}
	lambda.Start(do)
}

func do(ctx context.Context, event json.RawMessage) (any, error) {
	switch string(event) {
	case `"fail"`:
		return nil, errors.New("failed as asked")
	case `"panic"`:
		panic("as asked")
	case `"exit"`:
		os.Exit(4)
	case `"hang"`:
		fmt.Println("hanging")
		<-ctx.Done()
		time.Sleep(50 * time.Millisecond) // answers when nobody waits any more
	case `"environment"`:
		lc, _ := lambdacontext.FromContext(ctx)
		_, limited := ctx.Deadline()
		return []string{strconv.Itoa(len(os.Environ())), os.Getenv("GREETING"), lc.AwsRequestID, strconv.FormatBool(limited)}, nil
	}
	fmt.Println("got", string(event))
	return event, nil
}
