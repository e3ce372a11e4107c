package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// totals is what an archive holds; two archives with equal totals hold the same bytes.
type totals struct {
	Files     int    `json:"files"`     // regular files
	Bytes     int64  `json:"bytes"`     // of regular files, uncompressed
	TarSHA256 string `json:"tarSha256"` // hex, of the tar before compression
}

// writeArchive writes a directory as tar.gz. It is as consistent as a power cut: a file that grows is cut at the size
// it had when it was listed, one that vanishes is left out, one that shrinks is an error.
func writeArchive(to io.Writer, directory string, skipped func(path, reason string)) (totals, error) {
	var sum totals
	hash := sha256.New()
	// Speed, not size: the lab's bottleneck is its few processors.
	packed, err := gzip.NewWriterLevel(to, gzip.BestSpeed)
	if err != nil {
		return sum, err
	}
	archive := tar.NewWriter(io.MultiWriter(packed, hash))
	err = filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != directory {
			skipped(path, "vanished while the snapshot was taken")
			return nil
		}
		if err != nil {
			return err
		}
		return writeEntry(archive, directory, path, skipped, &sum)
	})
	if err := errors.Join(err, archive.Close(), packed.Close()); err != nil {
		return sum, err
	}
	sum.TarSHA256 = hex.EncodeToString(hash.Sum(nil))
	return sum, nil
}

func writeEntry(archive *tar.Writer, directory, path string, skipped func(path, reason string), sum *totals) error {
	name, err := filepath.Rel(directory, path)
	if err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return ignoreVanished(err, path, skipped)
	}
	link := ""
	switch {
	case path == directory && !info.IsDir():
		return fmt.Errorf("%s is not a directory", directory)
	case info.Mode()&fs.ModeSymlink != 0:
		if link, err = os.Readlink(path); err != nil {
			return ignoreVanished(err, path, skipped)
		}
	case !info.IsDir() && !info.Mode().IsRegular():
		skipped(path, "neither file, directory nor symbolic link: "+info.Mode().Type().String())
		return nil
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	header.Name, header.Format = filepath.ToSlash(name), tar.FormatPAX
	if !info.Mode().IsRegular() {
		return archive.WriteHeader(header)
	}
	file, err := os.Open(path)
	if err != nil {
		return ignoreVanished(err, path, skipped)
	}
	defer func() { _ = file.Close() }()
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	if _, err := io.CopyN(archive, file, header.Size); err != nil {
		return fmt.Errorf("reading %s, %d bytes long when it was listed: %w", path, header.Size, err)
	}
	sum.Files++
	sum.Bytes += header.Size
	return nil
}

func ignoreVanished(err error, path string, skipped func(path, reason string)) error {
	if errors.Is(err, fs.ErrNotExist) {
		skipped(path, "vanished while the snapshot was taken")
		return nil
	}
	return err
}

// readArchive unpacks into an existing directory, never outside it, and syncs everything to disk. A truncated stream
// is an error; the caller compares the totals.
func readArchive(from io.Reader, directory string) (totals, error) {
	var sum totals
	packed, err := gzip.NewReader(from)
	if err != nil {
		return sum, err
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return sum, err
	}
	defer func() { _ = root.Close() }()
	hash := sha256.New()
	plain := io.TeeReader(packed, hash)
	archive := tar.NewReader(plain)
	var folders []*tar.Header
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return sum, err
		}
		if header.Typeflag == tar.TypeDir {
			folders = append(folders, header)
		}
		if err := readEntry(root, header, archive, &sum); err != nil {
			return sum, err
		}
	}
	// The padding after the last entry belongs to the hash, and only the end of the stream proves gzip's checksum.
	if _, err := io.Copy(io.Discard, plain); err != nil {
		return sum, err
	}
	sum.TarSHA256 = hex.EncodeToString(hash.Sum(nil))
	return sum, finishFolders(root, folders)
}

func readEntry(root *os.Root, header *tar.Header, body io.Reader, sum *totals) error {
	switch header.Typeflag {
	case tar.TypeDir:
		// Modes and times are set at the end: a read-only directory could not be filled.
		if err := root.Mkdir(header.Name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	case tar.TypeSymlink:
		if err := root.Symlink(header.Linkname, header.Name); err != nil {
			return err
		}
		return ifRoot(func() error { return root.Lchown(header.Name, header.Uid, header.Gid) })
	case tar.TypeReg:
		if err := readFile(root, header, body); err != nil {
			return err
		}
		sum.Files++
		sum.Bytes += header.Size
		return setAttributes(root, header)
	default:
		return fmt.Errorf("%s has the unexpected tar type %q", header.Name, header.Typeflag)
	}
}

func readFile(root *os.Root, header *tar.Header, body io.Reader) error {
	file, err := root.OpenFile(header.Name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, body)
	return errors.Join(err, file.Sync(), file.Close())
}

// finishFolders goes from the deepest directory up, since each change alters its parent's time.
func finishFolders(root *os.Root, folders []*tar.Header) error {
	for _, header := range slices.Backward(folders) {
		if err := setAttributes(root, header); err != nil {
			return err
		}
		if err := syncFolder(filepath.Join(root.Name(), header.Name)); err != nil {
			return err
		}
	}
	return nil
}

func setAttributes(root *os.Root, header *tar.Header) error {
	owner := ifRoot(func() error { return root.Lchown(header.Name, header.Uid, header.Gid) })
	// After the owner, because changing it clears the set-user bits.
	mode := root.Chmod(header.Name, header.FileInfo().Mode())
	times := root.Chtimes(header.Name, header.ModTime, header.ModTime)
	return errors.Join(owner, mode, times)
}

// ifRoot: only root may give files away; for anyone else they belong to whoever restores.
func ifRoot(act func() error) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return act()
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
