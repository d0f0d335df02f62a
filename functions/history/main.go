// Command history is the Lambda function that the table's stream calls: it adds up
// what tokens are used for, by hour and by day, and publishes what has happened.
package main

import "github.com/latchkey-api/latchkey/shared/boot/publish"

func main() { publish.RunHistory() }
