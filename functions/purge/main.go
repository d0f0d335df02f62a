// Command purge is the Lambda function that the table's stream calls: it counts
// the tokens that DynamoDB removes when their time is over.
package main

import "github.com/latchkey-api/latchkey/shared/boot"

func main() { boot.RunPurge() }
