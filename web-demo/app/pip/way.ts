/** Which kind of small window this browser has. */
interface WithPip {
  documentPictureInPicture?: { requestWindow(options: { width: number; height: number }): Promise<Window> };
}

export const documentPip = () => (window as WithPip).documentPictureInPicture;

/** A page of its own, only a picture, or nothing. */
export function pipWay(): 'document' | 'video' | null {
  if (documentPip()) return 'document';
  return document.pictureInPictureEnabled && 'requestPictureInPicture' in HTMLVideoElement.prototype ? 'video' : null;
}
