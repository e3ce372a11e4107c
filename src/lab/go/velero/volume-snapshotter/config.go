package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// settings is the config map of a VolumeSnapshotLocation. `credentialsFile` is added by Velero when the location
// names a Secret; without it AWS_SHARED_CREDENTIALS_FILE is read, then the SDK's other sources.
type settings struct {
	bucket          string
	prefix          string // without slashes at its ends; must lie outside the prefix of Velero's own BackupStorageLocation
	region          string
	s3URL           string // empty: the SDK's endpoint for the region
	profile         string
	credentialsFile string
	root            string // absolute; new volumes are made beneath it; needed to restore only
}

// disksVariable names the directory for restored volumes when the location does not: a location is written by whoever
// recovers a cluster, and where the disks of that cluster are is known only to the machine the plugin runs on.
const disksVariable = "LATTICE_DR_LAB_DISKS"

var knownKeys = []string{"bucket", "prefix", "region", "s3Url", "profile", "credentialsFile", "root"}

func parseSettings(config map[string]string) (settings, error) {
	for key := range config {
		if !slices.Contains(knownKeys, key) {
			return settings{}, fmt.Errorf("unknown config key %q of the volume snapshot location; known are %s", key, strings.Join(knownKeys, ", "))
		}
	}
	parsed := settings{
		bucket:          config["bucket"],
		prefix:          strings.Trim(config["prefix"], "/"),
		region:          config["region"],
		s3URL:           config["s3Url"],
		profile:         config["profile"],
		credentialsFile: config["credentialsFile"],
		root:            config["root"],
	}
	if parsed.root == "" {
		parsed.root = os.Getenv(disksVariable)
	}
	for key, value := range map[string]string{"bucket": parsed.bucket, "prefix": parsed.prefix, "region": parsed.region} {
		if value == "" {
			return settings{}, fmt.Errorf("config key %q of the volume snapshot location is required", key)
		}
	}
	if parsed.root != "" && !filepath.IsAbs(parsed.root) {
		return settings{}, fmt.Errorf("config key \"root\" of the volume snapshot location must be an absolute path, not %q", parsed.root)
	}
	return parsed, nil
}

func newClient(from settings) (*s3.Client, error) {
	options := []func(*awsconfig.LoadOptions) error{awsconfig.WithRegion(from.region)}
	if from.profile != "" {
		options = append(options, awsconfig.WithSharedConfigProfile(from.profile))
	}
	file := from.credentialsFile
	if file == "" {
		file = os.Getenv("AWS_SHARED_CREDENTIALS_FILE")
	}
	if file != "" {
		options = append(options, awsconfig.WithSharedCredentialsFiles([]string{file}), awsconfig.WithSharedConfigFiles([]string{file}))
	}
	config, err := awsconfig.LoadDefaultConfig(context.Background(), options...)
	if err != nil {
		return nil, fmt.Errorf("reading S3 credentials: %w", err)
	}
	return s3.NewFromConfig(config, func(o *s3.Options) {
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		if from.s3URL != "" {
			o.BaseEndpoint = aws.String(from.s3URL)
			o.UsePathStyle = true
		}
	}), nil
}
