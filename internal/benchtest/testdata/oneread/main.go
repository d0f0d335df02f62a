// Command oneread is a function that reads one item for each event and does nothing else.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func main() {
	endpoint, table := os.Getenv("DYNAMODB_ENDPOINT"), os.Getenv("TABLE_NAME")
	client := dynamodb.New(dynamodb.Options{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("local", "local", "")})
	lambda.Start(func(ctx context.Context) (string, error) {
		_, err := client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &table, Key: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "U#1"}, "sk": &types.AttributeValueMemberN{Value: "0"},
		}})
		return "nothing", err
	})
}
