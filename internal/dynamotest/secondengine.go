package dynamotest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/engine"
)

// dynaliteScript starts dynalite on a free port and prints the port. It ends with
// this process, which closes its standard input.
const dynaliteScript = `require("dynalite")({createTableMs: 0}).listen(0, "127.0.0.1", function () { console.log(this.address().port) })
process.stdin.resume().on("end", () => process.exit())`

// startDynalite starts the second engine, which another author wrote after
// DynamoDB's own answers. It has no transactions.
func startDynalite(ctx context.Context, root string) (endpoint string, stop func(), err error) {
	cmd := exec.CommandContext(ctx, "node", "--eval", dynaliteScript)
	cmd.Dir = root
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("start dynalite with node: %w", err)
	}
	stop = func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	}
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, errors.New("dynalite printed no port: run `make tools`, which installs it")
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port), stop, nil
}

// Compare sends every request to two engines of different authors, each on the same
// items, and returns how many there were and a text for each that the two answer
// differently: in the kind of error, in what they return, or in the item afterwards.
func (s *SentRequests) Compare(ctx context.Context) (requests int, differences []string, err error) {
	if len(s.all) == 0 {
		return 0, nil, nil
	}
	root, err := findRoot()
	if err != nil {
		return 0, nil, err
	}
	first, err := engine.Start(ctx, engine.Path(root), "")
	if err != nil {
		return 0, nil, err
	}
	defer first.Stop()
	second, stop, err := startDynalite(ctx, root)
	if err != nil {
		return 0, nil, err
	}
	defer stop()
	clients := []*dynamodb.Client{Client(first.Endpoint), Client(second)}
	for _, c := range clients {
		if err := createPlainTable(ctx, c); err != nil {
			return 0, nil, err
		}
	}
	for _, r := range s.all {
		var answers [2]string
		for i, request := range []sentRequest{r, r.forDynalite()} {
			if answers[i], err = answerOf(ctx, clients[i], request); err != nil {
				return 0, nil, err
			}
		}
		if answers[0] != answers[1] {
			differences = append(differences, fmt.Sprintf("%s\non %s\ndynoxide: %s\ndynalite: %s", r.expressions, render(r.before...), answers[0], answers[1]))
		}
	}
	return len(s.all), differences, nil
}

// createPlainTable makes the table without what dynalite lacks, such as a time to live.
func createPlainTable(ctx context.Context, c *dynamodb.Client) error {
	_, err := c.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String(Table), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String(dynamo.PartitionKey), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String(dynamo.SortKey), AttributeType: types.ScalarAttributeTypeN},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String(dynamo.PartitionKey), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String(dynamo.SortKey), KeyType: types.KeyTypeRange},
		},
	})
	if err != nil {
		return err
	}
	wait := dynamodb.NewTableExistsWaiter(c, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay, o.MaxDelay = 10*time.Millisecond, time.Second })
	return wait.Wait(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(Table)}, time.Minute)
}

// answerOf stores the items of a request, sends it, and returns its answer and the
// item afterwards as a text. It leaves the table empty.
func answerOf(ctx context.Context, c *dynamodb.Client, r sentRequest) (string, error) {
	keys := []item{keyOf(r.input)}
	if _, ok := r.input.(*dynamodb.QueryInput); ok {
		keys = nil
	}
	for _, it := range r.before {
		if _, err := c.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(Table), Item: it}); err != nil {
			return "", fmt.Errorf("store an item: %w", err)
		}
		keys = append(keys, item{dynamo.PartitionKey: it[dynamo.PartitionKey], dynamo.SortKey: it[dynamo.SortKey]})
	}
	answer, err := send(ctx, c, r.input)
	var refusal smithy.APIError
	if err != nil && !errors.As(err, &refusal) {
		return "", err
	}
	if err != nil {
		answer = refusal.ErrorCode()
		if answer != "ConditionalCheckFailedException" {
			answer += ": " + refusal.ErrorMessage()
		}
	}
	if _, ok := r.input.(*dynamodb.QueryInput); !ok {
		out, err := c.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(Table), Key: keys[0], ConsistentRead: aws.Bool(true)})
		if err != nil {
			return "", err
		}
		answer += ", then " + render(out.Item)
	}
	for _, key := range keys {
		if _, err := c.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String(Table), Key: key}); err != nil {
			return "", err
		}
	}
	return answer, nil
}

// send sends a copy of a call, without the options that dynalite lacks.
func send(ctx context.Context, c *dynamodb.Client, input any) (string, error) {
	switch in := input.(type) {
	case *dynamodb.UpdateItemInput:
		call := *in
		call.TableName, call.ReturnValuesOnConditionCheckFailure = aws.String(Table), ""
		out, err := c.UpdateItem(ctx, &call)
		if err != nil {
			return "", err
		}
		return render(out.Attributes), nil
	case *dynamodb.PutItemInput:
		call := *in
		call.TableName, call.ReturnValuesOnConditionCheckFailure = aws.String(Table), ""
		_, err := c.PutItem(ctx, &call)
		return "", err
	case *dynamodb.DeleteItemInput:
		call := *in
		call.TableName, call.ReturnValuesOnConditionCheckFailure = aws.String(Table), ""
		_, err := c.DeleteItem(ctx, &call)
		return "", err
	case *dynamodb.QueryInput:
		call := *in
		call.TableName = aws.String(Table)
		out, err := c.Query(ctx, &call)
		if err != nil {
			return "", err
		}
		return render(out.Items...) + ", next " + render(out.LastEvaluatedKey), nil
	default:
		return "", fmt.Errorf("a call without expressions: %T", input)
	}
}

// render returns items as a text that is equal for equal items.
func render(items ...item) string {
	var b strings.Builder
	for _, it := range items {
		renderValue(&b, &types.AttributeValueMemberM{Value: it})
	}
	return b.String()
}

func renderValue(b *strings.Builder, value types.AttributeValue) {
	switch v := value.(type) {
	case *types.AttributeValueMemberM:
		var names []string
		for name := range v.Value {
			names = append(names, name)
		}
		slices.Sort(names)
		b.WriteByte('{')
		for _, name := range names {
			fmt.Fprintf(b, " %q:", name)
			renderValue(b, v.Value[name])
		}
		b.WriteByte('}')
	case *types.AttributeValueMemberL:
		b.WriteByte('[')
		for _, element := range v.Value {
			renderValue(b, element)
			b.WriteByte(' ')
		}
		b.WriteByte(']')
	case *types.AttributeValueMemberS:
		fmt.Fprintf(b, "%q", v.Value)
	case *types.AttributeValueMemberN:
		b.WriteString(v.Value)
	case *types.AttributeValueMemberB:
		fmt.Fprintf(b, "%x", v.Value)
	case *types.AttributeValueMemberBOOL:
		fmt.Fprint(b, v.Value)
	default:
		fmt.Fprintf(b, "%T%v", v, v)
	}
}
