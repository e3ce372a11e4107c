package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	archiveName  = "volume.tar.gz"
	manifestName = "manifest.json"
	// partBytes times the 10,000 parts S3 allows bounds a volume at about 160 GB compressed.
	partBytes = 16 << 20
)

// manifest describes one snapshot. It is written after the archive, so a snapshot without it was never finished.
type manifest struct {
	Version  int    `json:"version"`
	Volume   string `json:"volume"`   // the PersistentVolume's name
	Source   string `json:"source"`   // the directory the bytes came from
	Backup   string `json:"backup"`   // the Velero Backup's name
	TakenAt  string `json:"takenAt"`  // RFC 3339, when reading began
	Contents totals `json:"contents"` // what the archive holds
}

// objects is the part of S3 a snapshot needs; tests have their own.
type objects interface {
	put(key string, body io.Reader) error
	get(key string) (io.ReadCloser, error)
	remove(key string) error
}

// bucket is one S3 bucket.
type bucket struct {
	client *s3.Client
	name   string
}

func (b bucket) put(key string, body io.Reader) error {
	uploader := manager.NewUploader(b.client, func(u *manager.Uploader) { u.PartSize = partBytes })
	_, err := uploader.Upload(context.Background(), &s3.PutObjectInput{
		Bucket: aws.String(b.name),
		Key:    aws.String(key),
		Body:   body,
		// A bucket with Object Lock refuses an upload without a checksum.
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	})
	return err
}

func (b bucket) get(key string) (io.ReadCloser, error) {
	answer, err := b.client.GetObject(context.Background(), &s3.GetObjectInput{Bucket: aws.String(b.name), Key: aws.String(key)})
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

func (b bucket) remove(key string) error {
	_, err := b.client.DeleteObject(context.Background(), &s3.DeleteObjectInput{Bucket: aws.String(b.name), Key: aws.String(key)})
	var missing *types.NoSuchKey
	if errors.As(err, &missing) {
		return nil
	}
	return err
}

// store keeps snapshots beneath one prefix: <prefix>/<snapshot id>/{volume.tar.gz,manifest.json}.
type store struct {
	objects objects
	prefix  string
}

func (s store) key(id, name string) string { return path.Join(s.prefix, id, name) }

// save streams a directory up and returns what it held.
func (s store) save(id, directory string, about manifest, skipped func(path, reason string)) (manifest, error) {
	reader, writer := io.Pipe()
	done := make(chan totals, 1)
	go func() {
		sum, err := writeArchive(writer, directory, skipped)
		done <- sum
		_ = writer.CloseWithError(err) // nil closes with io.EOF
	}()
	err := s.objects.put(s.key(id, archiveName), reader)
	_ = reader.CloseWithError(errors.New("upload ended")) // lets the writer go when the upload failed
	about.Contents = <-done
	if err != nil {
		return about, fmt.Errorf("sending %s to S3: %w", directory, err)
	}
	body, err := json.MarshalIndent(about, "", "  ")
	if err != nil {
		return about, err
	}
	if err := s.objects.put(s.key(id, manifestName), bytes.NewReader(body)); err != nil {
		return about, fmt.Errorf("sending the manifest of snapshot %s: %w", id, err)
	}
	return about, nil
}

// load unpacks a snapshot into an existing empty directory and checks every byte of it against the manifest.
func (s store) load(id, directory string) (manifest, error) {
	about, err := s.manifest(id)
	if err != nil {
		return about, err
	}
	body, err := s.objects.get(s.key(id, archiveName))
	if err != nil {
		return about, fmt.Errorf("snapshot %s has no archive: %w", id, err)
	}
	defer func() { _ = body.Close() }()
	got, err := readArchive(body, directory)
	if err != nil {
		return about, fmt.Errorf("snapshot %s is damaged: %w", id, err)
	}
	if got != about.Contents {
		return about, fmt.Errorf("snapshot %s is damaged: its manifest says %+v, the archive holds %+v", id, about.Contents, got)
	}
	return about, nil
}

func (s store) manifest(id string) (manifest, error) {
	var about manifest
	body, err := s.objects.get(s.key(id, manifestName))
	if err != nil {
		return about, fmt.Errorf("snapshot %s is missing or was never finished: %w", id, err)
	}
	defer func() { _ = body.Close() }()
	if err := json.NewDecoder(body).Decode(&about); err != nil {
		return about, fmt.Errorf("manifest of snapshot %s: %w", id, err)
	}
	if about.Version != 1 {
		return about, fmt.Errorf("snapshot %s has manifest version %d; this plugin reads version 1", id, about.Version)
	}
	return about, nil
}

// drop removes the manifest first, so that what a half-done removal leaves is no snapshot.
func (s store) drop(id string) error {
	return errors.Join(s.objects.remove(s.key(id, manifestName)), s.objects.remove(s.key(id, archiveName)))
}
