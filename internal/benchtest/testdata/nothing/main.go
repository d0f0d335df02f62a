// Command nothing is a function that answers every event with the same text.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(context.Context) (string, error) { return "nothing", nil })
}
