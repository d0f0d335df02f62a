package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsbackup"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// backupDays is how long a daily backup is kept, as long as point-in-time
// recovery reaches back.
const backupDays = 35

// newBackupPlan backs the table up every day with AWS Backup, if the settings say
// so. Unlike point-in-time recovery, a backup survives the deletion of the table,
// and a vault can be locked or copied to another account.
func newBackupPlan(stack awscdk.Stack, options Options, table awsdynamodb.ITable) {
	if !options.BackupPlan {
		return
	}
	scope := constructs.NewConstruct(stack, jsii.String("Backup"))
	vault := awsbackup.NewBackupVault(scope, jsii.String("Vault"), &awsbackup.BackupVaultProps{
		// CloudFormation can't delete a vault with backups in it.
		RemovalPolicy: awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE,
	})
	plan := awsbackup.NewBackupPlan(scope, jsii.String("Plan"), &awsbackup.BackupPlanProps{
		BackupVault: vault,
		BackupPlanRules: &[]awsbackup.BackupPlanRule{awsbackup.NewBackupPlanRule(&awsbackup.BackupPlanRuleProps{
			RuleName:           jsii.String("Daily"),
			ScheduleExpression: awsevents.Schedule_Cron(&awsevents.CronOptions{Hour: jsii.String("3"), Minute: jsii.String("0")}), // UTC
			DeleteAfter:        awscdk.Duration_Days(jsii.Number(backupDays)),
		})},
	})
	plan.AddSelection(jsii.String("Table"), &awsbackup.BackupSelectionOptions{
		Resources: &[]awsbackup.BackupResource{awsbackup.BackupResource_FromArn(table.TableArn())},
		Role:      newBackupRole(scope, table),
	})
}

// newBackupRole makes the role of AWS Backup. The managed policy for it would allow
// backups of everything in the account.
// https://docs.aws.amazon.com/aws-backup/latest/devguide/iam-service-roles.html
func newBackupRole(scope constructs.Construct, table awsdynamodb.ITable) awsiam.IRole {
	allow := func(resource *string, actions ...string) awsiam.PolicyStatement {
		return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{Actions: jsii.Strings(actions...), Resources: &[]*string{resource}})
	}
	role := awsiam.NewRole(scope, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("backup.amazonaws.com"), nil),
		InlinePolicies: &map[string]awsiam.PolicyDocument{"Backup": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{
			Statements: &[]awsiam.PolicyStatement{
				allow(table.TableArn(), "dynamodb:CreateBackup", "dynamodb:DescribeTable", "dynamodb:ListTagsOfResource", "dynamodb:StartAwsBackupJob"),
				allow(jsii.String(*table.TableArn()+"/backup/*"), "dynamodb:DeleteBackup", "dynamodb:DescribeBackup"),
			},
		})},
	})
	accept(role, "AwsSolutions-IAM5", "A backup's ARN has its number in it. The role may describe and delete backups of this table only.")
	return role.WithoutPolicyUpdates(nil)
}
