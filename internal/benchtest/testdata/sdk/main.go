// Command sdk is the function nothing with the SDK's client of DynamoDB, which it makes
// and doesn't use.
package main

import (
	"context"
	"errors"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

func main() {
	endpoint := os.Getenv("DYNAMODB_ENDPOINT")
	client := dynamodb.New(dynamodb.Options{Region: "us-east-1", BaseEndpoint: &endpoint})
	lambda.Start(func(ctx context.Context, event struct{ Read bool }) (string, error) {
		if event.Read { // so that the linker keeps it
			_, err := client.GetItem(ctx, nil)
			return "", errors.Join(errors.New("no read was expected"), err)
		}
		return "nothing", nil
	})
}
