package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// snapshotter implements Velero's VolumeSnapshotter. A volume's id is the directory it lives in.
type snapshotter struct {
	log   logrus.FieldLogger
	store store
	root  string
}

// Init is called with the VolumeSnapshotLocation of the cluster Velero runs in, not of the one a backup came from.
func (s *snapshotter) Init(config map[string]string) error {
	parsed, err := parseSettings(config)
	if err != nil {
		return err
	}
	client, err := newClient(parsed)
	if err != nil {
		return err
	}
	s.store = store{objects: bucket{client: client, name: parsed.bucket}, prefix: parsed.prefix}
	s.root = parsed.root
	return nil
}

// GetVolumeID returns "" for volumes of other kinds, which tells Velero they are not ours.
func (s *snapshotter) GetVolumeID(pv runtime.Unstructured) (string, error) {
	path, _, err := volumePath(pv)
	return path, err
}

// SetVolumeID points the restored PersistentVolume at its new directory.
func (s *snapshotter) SetVolumeID(pv runtime.Unstructured, volumeID string) (runtime.Unstructured, error) {
	_, kind, err := volumePath(pv)
	if err != nil {
		return nil, err
	}
	if kind == "" {
		return nil, errors.New("the persistent volume is neither of " + csiDriver + " nor hostPath nor local")
	}
	if err := unstructured.SetNestedField(pv.UnstructuredContent(), volumeID, "spec", kind, pathField[kind]); err != nil {
		return nil, err
	}
	return pv, nil
}

// csiDriver is the driver of the volumes that the lab's storage class makes; their handle is a directory.
const csiDriver = "csi.lab.lattice.dev"

// pathField says, by kind of volume, where the directory stands.
var pathField = map[string]string{"csi": "volumeHandle", "hostPath": "path", "local": "path"}

func volumePath(pv runtime.Unstructured) (path, kind string, err error) {
	for kind, field := range pathField {
		path, found, err := unstructured.NestedString(pv.UnstructuredContent(), "spec", kind, field)
		if err != nil {
			return "", "", err
		}
		if !found {
			continue
		}
		driver, _, err := unstructured.NestedString(pv.UnstructuredContent(), "spec", kind, "driver")
		if err != nil || (kind == "csi" && driver != csiDriver) {
			return "", "", err
		}
		return path, kind, nil
	}
	return "", "", nil
}

// GetVolumeInfo has nothing to say of a directory; Velero wants some type to give back at restore.
func (s *snapshotter) GetVolumeInfo(volumeID, volumeAZ string) (string, *int64, error) {
	return "directory", nil, nil
}

// CreateSnapshot returns once everything is in S3.
func (s *snapshotter) CreateSnapshot(volumeID, volumeAZ string, tags map[string]string) (string, error) {
	started := time.Now()
	id, err := newName(tags["velero.io/pv"])
	if err != nil {
		return "", err
	}
	about := manifest{
		Version: 1,
		Volume:  tags["velero.io/pv"],
		Source:  volumeID,
		Backup:  tags["velero.io/backup"],
		TakenAt: started.UTC().Format(time.RFC3339),
	}
	done, err := s.store.save(id, volumeID, about, func(path, reason string) {
		s.log.WithField("path", path).Warnf("left out of the snapshot: %s", reason)
	})
	if err != nil {
		return "", err
	}
	s.log.WithFields(logrus.Fields{"snapshot": id, "files": done.Contents.Files, "bytes": done.Contents.Bytes, "seconds": time.Since(started).Seconds()}).
		Info("volume saved")
	return id, nil
}

// CreateVolumeFromSnapshot leaves a complete, verified directory, or none at all.
func (s *snapshotter) CreateVolumeFromSnapshot(snapshotID, volumeType, volumeAZ string, iops *int64) (string, error) {
	started := time.Now()
	if err := checkID(snapshotID); err != nil {
		return "", err
	}
	if s.root == "" {
		return "", errors.New("restoring needs the config key \"root\" in the volume snapshot location of this cluster")
	}
	if err := os.MkdirAll(s.root, 0o755); err != nil {
		return "", err
	}
	partial, err := os.MkdirTemp(s.root, ".partial-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(partial) }()
	about, err := s.store.load(snapshotID, partial)
	if err != nil {
		return "", err
	}
	name, err := newName(about.Volume)
	if err != nil {
		return "", err
	}
	target := filepath.Join(s.root, name)
	if err := errors.Join(os.Rename(partial, target), syncFolder(s.root)); err != nil {
		return "", err
	}
	s.log.WithFields(logrus.Fields{"snapshot": snapshotID, "directory": target, "bytes": about.Contents.Bytes, "seconds": time.Since(started).Seconds()}).
		Info("volume restored")
	return target, nil
}

// DeleteSnapshot may be repeated.
func (s *snapshotter) DeleteSnapshot(snapshotID string) error {
	if err := checkID(snapshotID); err != nil {
		return err
	}
	return s.store.drop(snapshotID)
}

// checkID keeps an id from reaching other objects of the bucket.
func checkID(id string) error {
	if id == "" || id == "." || id == ".." || strings.ContainsAny(id, "/\\") {
		return fmt.Errorf("%q is no snapshot id of this plugin", id)
	}
	return nil
}

// newName makes `<volume>-<12 hex digits>`, a name never used before.
func newName(volume string) (string, error) {
	if volume == "" {
		volume = "volume"
	}
	random := make([]byte, 6)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	name := volume + "-" + hex.EncodeToString(random)
	return name, checkID(name)
}
