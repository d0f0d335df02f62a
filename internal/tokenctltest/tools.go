package tokenctltest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/ncruces/go-sqlite3"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// check implements the command check of sessions. It finds the last key or access
// token on stdin. For a key it prints whether the API accepts it; for an access
// token, whether its user may list tokens.
func check() { exit(printCheck()) }

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func printCheck() error {
	in, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	found := regexp.MustCompile(`(at|sk)-[0-9A-Za-z]{48,}`).FindAllString(string(in), -1)
	if found == nil {
		return errors.New("stdin holds no key and no access token")
	}
	secret := found[len(found)-1]
	c := client.New(os.Getenv("LATCHKEY_URL"), secret)
	if secret[:3] == "at-" {
		_, err := c.List(context.Background(), client.ListOptions{})
		var refused *client.Error
		switch {
		case err == nil:
			fmt.Println("200")
		case errors.As(err, &refused):
			fmt.Println(refused.Status, refused.Code)
		default:
			return err
		}
		return nil
	}
	v, err := c.Verify(context.Background(), secret, wire.VerifyInput{})
	if err != nil {
		return err
	}
	if !v.Valid {
		fmt.Println("refused:", v.Code)
		return nil
	}
	fmt.Printf("valid, remaining quota %d\n", v.RemainQuota)
	return nil
}

// loseToken implements the command lose-token of sessions. Its arguments are the
// IDs of a user and of a token. It removes the token's item from the table without
// counting the removal, which no product code does.
func loseToken() { exit(removeItem(os.Args[1:])) }

func removeItem(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: lose-token USER-ID TOKEN-ID")
	}
	id, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return err
	}
	_, err = dynamotest.Client(os.Getenv("DYNAMODB_ENDPOINT")).DeleteItem(context.Background(), &dynamodb.DeleteItemInput{
		TableName: aws.String(dynamotest.Table),
		Key: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("T#%s#0", args[0])}, "sk": &types.AttributeValueMemberN{Value: fmt.Sprint(id)},
		},
	})
	return err
}

// copyTable implements the command copy-table of sessions. It makes a table with the
// items of another one, as a restore from a backup does.
func copyTable() { exit(copyItems(os.Args[1:])) }

func copyItems(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: copy-table FROM TO")
	}
	ctx, db := context.Background(), dynamotest.Client(os.Getenv("DYNAMODB_ENDPOINT"))
	if err := dynamo.CreateTable(ctx, db, args[1]); err != nil {
		return err
	}
	all, err := db.Scan(ctx, &dynamodb.ScanInput{TableName: &args[0]})
	if err != nil {
		return err
	}
	for _, it := range all.Items {
		if _, err := db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &args[1], Item: it}); err != nil {
			return err
		}
	}
	return nil
}

// runSQL implements the command sqlite3 of sessions. Its argument is a database that
// it creates or changes; the statements are on stdin.
func runSQL() { exit(changeDatabase(os.Args[1:])) }

func changeDatabase(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: sqlite3 FILE <STATEMENTS")
	}
	statements, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	db, err := sqlite3.Open(args[0])
	if err != nil {
		return err
	}
	return errors.Join(db.Exec(string(statements)), db.Close())
}
